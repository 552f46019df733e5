"""The place of a load that is a DuckLake: a catalog in another database, a past, and many small files."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import duckdb
from dlt.destinations.exceptions import DatabaseException

from ai_gateway_billing.redaction import first_line
from ai_gateway_billing_pipeline.database import views

from . import locks
from .databases import Database
from .sql import ClientSql, Sql

KEPT = "1 day"
"""How long a version of the lake can still be asked for: longer than any reader takes."""

_TIDYING = (
    "call ducklake_merge_adjacent_files('{lake}')",
    f"call ducklake_expire_snapshots('{{lake}}', older_than => now() - interval '{KEPT}')",
    f"call ducklake_cleanup_old_files('{{lake}}', older_than => now() - interval '{KEPT}')",
)

log = logging.getLogger(__name__)


class Lake(Database):
    """A DuckLake: one writer at a time, as merges into it do not bear each other."""

    jobs_at_once = 1  # all commit one by one

    @contextmanager
    def changed(self, wait_s: float, *, is_shards: bool = False) -> Iterator[Sql]:  # noqa: ARG002 - all are one
        """As a load: never beside one."""
        with self._working(), self._locked(wait_s), self._transaction() as sql:
            yield sql

    @contextmanager
    def _working(self) -> Iterator[None]:
        """It stays attached."""
        with super()._working(), self._destination.kept():
            yield

    @contextmanager
    def _locked(self, wait_s: float) -> Iterator[None]:
        credentials = self._credentials()
        if credentials.catalog.drivername in ("sqlite", "duckdb"):
            with locks.file(f"{credentials.catalog.database}.lock", wait_s, self._busy("another process")):
                yield
            return
        whole = locks.key("ducklake", name(credentials))
        with self._advisory(catalog_url(credentials)) as taken:
            taken.take(whole, wait_s, self._busy)
            self._watch(taken, whole)
            yield

    def _what(self) -> str:
        return f"The lake {self.named}"

    def alone(self) -> None:
        """Every load is."""

    def changing(self, sql: Sql) -> AbstractContextManager[Any]:
        """Nobody else does."""
        return nullcontext(sql)

    def finish(self, sql: Sql, usage_unit: str) -> None:
        """It keeps views, and every version of itself in many small files, unless it is told otherwise."""
        assert isinstance(sql, ClientSql)  # noqa: S101 - as `sql` gives it
        store_views(sql.native, usage_unit)
        tidy(sql, self._credentials().ducklake_name)


def catalog_url(credentials: Any) -> str:
    """The address of the database that is the lake's catalog, with its password."""
    return str(credentials.catalog.to_url().render_as_string(hide_password=False))


def name(credentials: Any) -> str:
    """What tells lakes apart that share a catalog."""
    return str(credentials.metadata_schema or credentials.ducklake_name)


def store_views(connection: duckdb.DuckDBPyConnection, usage_unit: str) -> None:
    """Make schema `spend` in the lake, for whoever attaches it. What goes wrong is a warning: we do not need it."""
    try:
        views.store(connection, usage_unit)
    except duckdb.Error as error:
        reason = first_line(error).rstrip(".")
        log.warning("The lake was loaded, but the views of spend could not be stored in it: %s.", reason)


def tidy(sql: Sql, lake: str) -> None:
    """Join small files, and drop versions and files that nobody reads any more. What goes wrong is a warning."""
    for statement in _TIDYING:
        try:
            sql.execute(statement.format(lake=lake))
        except DatabaseException as error:
            log.warning("The lake was loaded, but not tidied up: %s. The next load tries again.", first_line(error))
            return
