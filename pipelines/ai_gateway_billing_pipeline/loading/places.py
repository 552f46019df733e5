"""Where a load writes: the DuckDB file, Postgres, a DuckLake, or what else dlt knows. What differs between them."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import dlt
import duckdb

from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.settings import Settings

from . import atomic, bookkeeping, destinations, lakes, locks, refusals, shards
from .sql import ClientSql, FileSql, Sql
from .workspace import Workspace, remove

_DROP = "drop schema if exists {} cascade"
_GIVE_BACK = "reset memory_limit"
"""The limit is as it was, but DuckDB gives the system back what it has freed, when it is told one."""

log = logging.getLogger(__name__)


class Place(Protocol):
    """One place of one load. `named`: in messages. `ending`: how one ends about a load that was not written.

    `jobs_at_once`: how many tables are written at the same time.
    """

    named: str
    ending: str
    jobs_at_once: int

    def held(self, wait_s: float) -> AbstractContextManager[None]:
        """Keep every other writer of the same rows away. Raises `DatabaseBusyError`, `DatabaseError`."""

    def alone(self) -> None:
        """From now on keep every writer away. Raises `DatabaseBusyError`."""

    def sql(self) -> AbstractContextManager[Sql | None]:
        """The tables before and after the rows are loaded; None where they are not ours to look at."""

    def changing(self, sql: Sql) -> AbstractContextManager[Any]:
        """One writer at a time changes which tables there are."""

    def pipeline(self) -> dlt.Pipeline:
        """The pipeline of dlt, in a new folder: it takes its state from the destination."""

    def drop_staging(self, sql: Sql) -> None:
        """Drop what dlt's merges read from."""

    def finish(self, sql: Sql, usage_unit: str) -> None:
        """What is left to do when all rows are there."""

    def publish(self) -> None:
        """Let readers see it."""


class File:
    """The published DuckDB file, by way of a copy that replaces it."""

    ending = refusals.UNPUBLISHED
    jobs_at_once = 1  # more of them take as long, and 50 MB

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workspace = Workspace(settings.database.resolve())  # a link stays one: what it leads to is replaced
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.named = str(self._workspace.published)

    @contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """The lock of the folder, and the working copy in it."""
        self._workspace.create()
        with self._workspace.locked(wait_s):
            try:
                with self._workspace.begin() as self._connection:
                    bookkeeping.adopt(FileSql(self._connection))
                    yield
            finally:
                with suppress(OSError):  # the next load removes it, too
                    self._workspace.discard()

    def alone(self) -> None:
        """Nobody else writes a file."""

    @contextmanager
    def sql(self) -> Iterator[Sql]:
        """The connection that stays open: while one is, dlt opens its own ones for next to nothing."""
        assert self._connection  # noqa: S101 - only while it is held
        yield FileSql(self._connection)

    def changing(self, sql: Sql) -> AbstractContextManager[Any]:
        """Nobody else does."""
        return nullcontext(sql)

    def pipeline(self) -> dlt.Pipeline:
        """Into the working copy."""
        destination = dlt.destinations.duckdb(
            str(self._workspace.working), staging_dataset_name_layout=shards.staging_dataset(self._settings.shard)
        )
        return _pipeline(self._settings.shard, self._workspace.dlt, destination)

    def drop_staging(self, sql: Sql) -> None:
        """And give back the memory of it."""
        sql.execute(_DROP.format(shards.staging_dataset(self._settings.shard)))
        sql.execute(_GIVE_BACK)

    def finish(self, sql: Sql, usage_unit: str) -> None:
        """Views, and nothing left in a log of DuckDB's."""
        assert self._connection  # noqa: S101 - as above
        sql.execute(_GIVE_BACK)
        views.apply(self._connection, usage_unit)
        self._connection.execute("checkpoint")

    def publish(self) -> None:
        """Once it is closed: replace the published file by it."""
        if self._connection:
            self._connection.close()
        self._workspace.publish()


class Store:
    """Postgres, or a DuckLake: tables with readers and writers of their own, and locks beside them."""

    ending = refusals.UNCHANGED

    def __init__(self, named: str, shard: str | None, destination: Any) -> None:
        self.named = named
        self._shard = shard
        self._destination = destination
        self._folder: Path | None = None
        self._locks: locks.Advisory | None = None
        self._is_lake = isinstance(destination, atomic.DuckLake)
        self.jobs_at_once = 1 if self._is_lake else 20  # as dlt does by itself; to a lake all commit one by one
        # Locks are of one database: how this machine calls that does not belong in their names.
        self._scope = ("ducklake", lakes.name(self._credentials())) if self._is_lake else ("schema", DATASET)

    @contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """A lock of the shard; of the whole lake where that is one, as merges into it do not bear each other."""
        with self._working(), self._locked(wait_s):
            yield

    @contextmanager
    def read(self) -> Iterator[Sql]:
        """The tables, whoever writes them meanwhile."""
        with self._working(), self.sql() as sql:
            yield sql

    @contextmanager
    def changed(self, wait_s: float, *, is_shards: bool = False) -> Iterator[Sql]:
        """One transaction. `is_shards`: what the shard loads is changed, so that it must not be loading."""
        lock = self._locked(wait_s) if self._is_lake or is_shards else nullcontext()
        with self._working(), lock, self.pipeline().sql_client() as client:
            sql = ClientSql(client)
            with client.begin_transaction():
                if not self._is_lake:
                    sql.execute("select pg_advisory_xact_lock(%s)", self._of_schema)
                yield sql

    @contextmanager
    def _working(self) -> Iterator[None]:
        """With a folder for dlt, and with what goes wrong in words."""
        kept = self._destination.kept() if self._is_lake else nullcontext()
        with TemporaryDirectory(prefix="aig-billing-") as folder, refusals.told(self.named), kept:
            self._folder = Path(folder)
            yield

    @contextmanager
    def _locked(self, wait_s: float) -> Iterator[None]:
        credentials = self._credentials()
        if self._is_lake and credentials.catalog.drivername in ("sqlite", "duckdb"):
            with locks.file(f"{credentials.catalog.database}.lock", wait_s, self._busy("another process")):
                yield
            return
        url = lakes.catalog_url(credentials) if self._is_lake else credentials.to_native_representation()
        with locks.advisory(url, f"aig-billing {self._shard or ''}".strip()) as taken:
            taken.take(self._whole, wait_s, self._busy, shared=not self._is_lake)
            if not self._is_lake:
                taken.take(self._own, wait_s, self._busy)
            self._locks = taken
            mine = self._whole if self._is_lake else self._own
            self._destination.before_commit = lambda: taken.check(mine)
            self._destination.guard = self._guard
            yield

    def _busy(self, holder: str) -> str:
        what = f"The lake {self.named}" if self._is_lake else f"In {self.named}, {shards.named(self._shard)}"
        return f"{what} is in use by {holder}. Wait for it, or let this one wait with --wait SECONDS."

    @property
    def _whole(self) -> int:
        return locks.key(*self._scope)

    @property
    def _own(self) -> int:
        return locks.key(*self._scope, "shard", self._shard or "")

    @property
    def _of_schema(self) -> int:
        return locks.key(*self._scope, "schema")

    def alone(self) -> None:
        """Loads share a lock of the whole; who repairs something needs it for itself."""
        if self._locks and not self._is_lake:
            self._locks.take(
                self._whole,
                0,
                lambda holder: (
                    f"Tables are missing in {self.named}, while {holder} loads into it. Run again when that has ended."
                ),
            )

    def _guard(self, client: Any) -> AbstractContextManager[None]:
        """Within a load of dlt."""
        return self.changing(ClientSql(client))

    @contextmanager
    def changing(self, sql: Sql) -> Iterator[None]:
        """A lock of whoever changes the schema, held only as long as that takes."""
        if self._is_lake:
            yield
            return
        sql.execute("select pg_advisory_lock(%s)", self._of_schema)
        try:
            yield
        finally:
            sql.execute("select pg_advisory_unlock(%s)", self._of_schema)

    @contextmanager
    def sql(self) -> Iterator[Sql]:
        """A connection for as long as this lasts: a load takes longer than some firewalls let one be silent."""
        with self.pipeline().sql_client() as client:
            yield ClientSql(client)

    def pipeline(self) -> dlt.Pipeline:
        """Into the store."""
        assert self._folder  # noqa: S101 - only while it is held
        return _pipeline(self._shard, self._folder, self._destination)

    def drop_staging(self, sql: Sql) -> None:
        """Each shard has its own."""
        sql.execute(_DROP.format(shards.staging_dataset(self._shard)))

    def finish(self, sql: Sql, usage_unit: str) -> None:
        """A lake keeps views, and every version of itself in many small files, unless it is told otherwise."""
        if self._is_lake:
            assert isinstance(sql, ClientSql)  # noqa: S101 - as `sql` gives it
            lakes.store_views(sql.native, usage_unit)
            lakes.tidy(sql, self._credentials().ducklake_name)

    def publish(self) -> None:
        """It was, when the load was committed."""

    def _credentials(self) -> Any:
        return self._destination.configuration(self._destination.spec(), accept_partial=True).credentials


class Other:
    """A destination that says that it can hold what a load writes. Only its rows are ours."""

    ending = "Part of the load may be there; run again."
    jobs_at_once = 20

    def __init__(self, settings: Settings, destination: destinations.Target) -> None:
        self.named = settings.destination
        self._destination = destination
        self._workspace = Workspace(settings.database.resolve())

    @contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """A lock of this machine."""
        self._workspace.create()
        with self._workspace.locked(wait_s), refusals.told(self.named):
            remove(self._workspace.dlt)
            yield

    def alone(self) -> None:
        """Nothing is repaired there."""

    def sql(self) -> AbstractContextManager[None]:
        """Nobody knows which SQL it speaks."""
        return nullcontext()

    def changing(self, sql: Sql) -> AbstractContextManager[Any]:
        """Nothing is changed there."""
        return nullcontext(sql)

    def pipeline(self) -> dlt.Pipeline:
        """Into the destination."""
        return _pipeline(None, self._workspace.dlt, self._destination)

    def drop_staging(self, sql: Sql) -> None:
        """It is dlt's own affair."""

    def finish(self, sql: Sql, usage_unit: str) -> None:
        """Nothing is left."""

    def publish(self) -> None:
        """It was, as it was loaded."""


@contextmanager
def opened(settings: Settings) -> Iterator[Place]:
    """The place that the settings name; while this lasts, dlt finds the settings of that alone.

    Raises `SettingsError` for one that cannot hold what a load writes, and warns of one that was never tested.
    """
    with destinations.opened(settings.destination, settings.shard) as destination:
        if destination is None:
            yield File(settings)
        elif settings.destination in destinations.SUPPORTED:
            yield Store(settings.destination, settings.shard, destination)
        else:
            log.warning("%s %s", settings.destination, destinations.UNTESTED)
            yield Other(settings, destination)


def _pipeline(shard: str | None, folder: Path, destination: Any) -> dlt.Pipeline:
    name = shards.pipeline_name(shard)
    return dlt.pipeline(name, pipelines_dir=str(folder), destination=destination, dataset_name=DATASET)
