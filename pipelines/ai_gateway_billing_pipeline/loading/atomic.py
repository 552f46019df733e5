"""dlt's Postgres and DuckLake, with the whole load merged in one transaction.

dlt by itself merges each table as soon as its rows are staged, and commits each by itself. Whoever reads meanwhile, or
after a load that died there, would find days proved read whose usage is still missing.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.typing import PreparedTableSchema
from dlt.common.schema.utils import get_root_table
from dlt.common.storages.load_package import LoadJobInfo, LoadPackageStateInjectableContext
from dlt.load.utils import get_completed_table_chain

from ai_gateway_billing.errors import DatabaseError

from .attached import Attached

Check = Callable[[], None]
"""Raises when the load must not be committed."""
Guard = Callable[[Any], Any]
"""A context manager around a change of the schema; it is given dlt's SQL client."""


class Merging:
    """Part of a job client of dlt: what stages rows is as before, what merges them waits for the end of the load."""

    before_commit: Check = staticmethod(lambda: None)
    guard: Guard = staticmethod(lambda _: nullcontext())
    locking: str | None = None
    """The statement that keeps other writers from a table until the end of the transaction, where there may be any."""

    def create_table_chain_completed_followup_jobs(
        self,
        table_chain: Sequence[PreparedTableSchema],
        completed_table_chain_jobs: Sequence[LoadJobInfo] | None = None,
    ) -> list[Any]:
        """No jobs that would commit a merge by itself."""
        if table_chain[0]["write_disposition"] == "merge":
            return []
        return super().create_table_chain_completed_followup_jobs(table_chain, completed_table_chain_jobs)  # type: ignore[misc,no-any-return]

    def update_stored_schema(self, *arguments: Any, **named: Any) -> Any:
        """One writer at a time compares the tables with its schema and changes them."""
        with self.guard(self.sql_client):  # type: ignore[attr-defined]
            return super().update_stored_schema(*arguments, **named)  # type: ignore[misc]

    def complete_load(self, load_id: str) -> None:
        """Merge everything and count the load as done, or neither."""
        client: Any = self
        is_merged = False
        try:
            with client.sql_client.begin_transaction():
                self._merge(client, load_id)
                super().complete_load(load_id)  # type: ignore[misc]
                self.before_commit()
                is_merged = True
        except Exception as error:
            if is_merged:
                raise DatabaseError(
                    "The connection ended while the load was being committed, so nobody knows whether it is there. "
                    "Run again: it makes no difference."
                ) from error
            raise

    def _merge(self, client: Any, load_id: str) -> None:
        for chain in _staged(client, load_id):
            if self.locking and "account_id" not in chain[0]["columns"]:  # shards share its rows: not one twice
                client.sql_client.execute_sql(
                    self.locking.format(client.sql_client.make_qualified_table_name(chain[0]["name"]))
                )
            for job in super().create_table_chain_completed_followup_jobs(chain):  # type: ignore[misc]
                statements = Path(job.new_file_path()).read_text("utf-8")
                client.sql_client.execute_many([each for each in re.split(r"[;\n]", statements) if each.strip()])


def _staged(client: Any, load_id: str) -> Iterator[list[PreparedTableSchema]]:
    """The tables of the load that have rows to merge, each before its children.

    By their names: in this order dlt changes tables, too, and reads take them, so that no two wait for each other.
    """
    jobs = Container()[LoadPackageStateInjectableContext].storage.list_all_jobs_with_states(load_id)
    tables = client.schema.tables
    roots = {str(get_root_table(tables, job.table_name)["name"]) for _, job in jobs}
    for name in sorted(roots):
        if tables[name]["write_disposition"] == "merge":
            chain = get_completed_table_chain(client.schema, jobs, tables[name])
            assert chain, f"{name} was not staged"  # noqa: S101 - dlt completes no package with an open job
            yield [client.prepare_load_table(table["name"]) for table in chain]


@cache
def _merging(base: type) -> type:
    return type(base.__name__, (Merging, base), {})


class _Watched:
    """Part of a destination of dlt: its clients ask the load's lock."""

    before_commit: Check = staticmethod(lambda: None)
    guard: Guard = staticmethod(lambda _: nullcontext())
    locking: str | None = None

    @property
    def client_class(self) -> Any:
        """The client of dlt, but for the merges."""
        return _merging(super().client_class)  # type: ignore[misc]

    def client(self, *arguments: Any, **named: Any) -> Any:
        """A client of this load."""
        made = super().client(*arguments, **named)  # type: ignore[misc]
        made.before_commit, made.guard, made.locking = self.before_commit, self.guard, self.locking
        return made


class Postgres(_Watched, dlt.destinations.postgres):
    """Postgres. Rows are sent as dlt's INSERT, the one way that is tested, whatever else is installed."""

    destination_type = "dlt.destinations.postgres"
    locking = "lock table {} in share row exclusive mode"

    def _raw_capabilities(self) -> DestinationCapabilitiesContext:
        able = super()._raw_capabilities()
        able.supported_loader_file_formats = ["insert_values"]
        able.loader_file_format_selector = None  # type: ignore[assignment]  # dlt's own default
        return able


class DuckLake(_Watched, dlt.destinations.ducklake):
    """DuckLake."""

    destination_type = "dlt.destinations.ducklake"
    _attached: Attached | None = None
    _is_kept = False

    @contextmanager
    def kept(self) -> Iterator[None]:
        """As long as this lasts, the lake stays attached; else each client attaches it for itself."""
        self._is_kept = True
        try:
            yield
        finally:
            self._is_kept = False
            if self._attached:
                self._attached.close()
            self._attached = None

    def client(self, *arguments: Any, **named: Any) -> Any:
        """A client of this load."""
        made = super().client(*arguments, **named)
        if self._is_kept:
            self._attached = self._attached or Attached(made.sql_client)
            made.sql_client = self._attached.client(made.sql_client)
        return made
