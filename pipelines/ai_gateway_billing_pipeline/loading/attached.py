"""A lake that is attached once for all that a load does in it.

dlt attaches it anew for each of its clients, of which a small load has twenty, and that took most of its time.
"""

import threading
import time
from contextlib import suppress
from typing import Any

import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.destinations.impl.ducklake.sql_client import DuckLakeSqlClient

_LONGEST_S = 60
"""After this it is attached anew as soon as nobody uses it: firewalls cut what is silent, and keys run out."""


class Attached:
    """Where the clients of a load take their connections from. All are of one DuckDB, each with its transaction."""

    def __init__(self, first: DuckLakeSqlClient) -> None:
        self._pool = DuckDbConnectionPool(first.credentials)
        self._lake = first.capabilities.escape_identifier(first.credentials.ducklake_name)
        self._lock = threading.Lock()
        self._kept: Any = None
        self._until = 0.0
        self._used = 0

    def client(self, dlts: DuckLakeSqlClient) -> DuckLakeSqlClient:
        """The client, but for where it takes its connections from."""
        dlts.credentials.conn_pool = self  # type: ignore[assignment]
        return _Client(
            dlts.dataset_name,
            dlts.staging_dataset_name,
            dlts.credentials,
            dlts.capabilities,
            dlts.override_data_path,
            dlts.automatic_migration,
        )

    def borrow_conn(self, **settings: Any) -> Any:
        """A connection, as dlt asks its pool for one."""
        with self._lock:
            if not self._used and time.monotonic() >= self._until:
                self._detach()
            if self._kept is None:  # the pool keeps its DuckDB for as long as one of the connections is out
                self._kept = self._pool.borrow_conn(**settings)
                self._until = time.monotonic() + _LONGEST_S
            borrowed = self._pool.borrow_conn(**settings)
            self._used += 1
        return borrowed

    def return_conn(self, borrowed: Any) -> None:
        """It is done with, and what it did not commit is gone."""
        with self._lock:
            self._pool.return_conn(borrowed)
            self._used -= 1

    def close(self) -> None:
        """The load is over."""
        with self._lock:
            self._detach()

    def _detach(self) -> None:
        """A catalog in a file may be damaged where it is only closed, says dlt."""
        if self._kept is not None:
            with suppress(duckdb.Error):  # of a connection that was lost
                self._kept.execute(f"detach database if exists {self._lake}")
            self._pool.return_conn(self._kept)
            self._kept = None


class _Client(DuckLakeSqlClient):
    """It leaves the lake attached."""

    def close_connection(self) -> None:
        DuckDbSqlClient.close_connection(self)
