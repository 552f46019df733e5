"""The place of a load that is the published DuckDB file, by way of a copy that replaces it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import dlt
import duckdb

from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.settings import Settings

from . import bookkeeping, pipelines, refusals, shards
from .sql import FileSql, Sql
from .workspace import Workspace

_GIVE_BACK = "reset memory_limit"
"""The limit is as it was, but DuckDB gives the system back what it has freed, when it is told one."""


class File:
    """The working copy, its connection, and its lock."""

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
        return pipelines.into(destination, self._settings.shard, self._workspace.dlt)

    def drop_staging(self, sql: Sql) -> None:
        """And give back the memory of it."""
        shards.drop_staging(sql, self._settings.shard)
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
