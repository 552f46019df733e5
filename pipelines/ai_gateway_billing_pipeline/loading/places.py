"""Where a load writes: the DuckDB file, Postgres, a DuckLake, or what else dlt knows. What a load needs of each."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import dlt

from ai_gateway_billing_pipeline.settings import Settings

from . import atomic, destinations, pipelines, refusals
from .databases import Database
from .files import File
from .lakes import Lake
from .postgres import Postgres
from .sql import Sql
from .workspace import Workspace, remove

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
        return pipelines.into(self._destination, None, self._workspace.dlt)

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
            yield database(settings.destination, settings.shard, destination)
        else:
            log.warning("%s %s", settings.destination, destinations.UNTESTED)
            yield Other(settings, destination)


def database(named: str, shard: str | None, destination: destinations.Target) -> Database:
    """The place that one of the supported destinations is."""
    kind = Lake if isinstance(destination, atomic.DuckLake) else Postgres
    return kind(named, shard, destination)
