"""The place of a load that is a database of its own: tables with readers and writers of their own, and locks."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt

from . import locks, pipelines, refusals, shards
from .sql import ClientSql, Sql


class Database(ABC):
    """What Postgres and a lake have in common."""

    ending = refusals.UNCHANGED
    jobs_at_once: int

    def __init__(self, named: str, shard: str | None, destination: Any) -> None:
        self.named = named
        self._shard = shard
        self._destination = destination
        self._folder: Path | None = None

    @contextmanager
    def held(self, wait_s: float) -> Iterator[None]:
        """Its lock, for a load."""
        with self._working(), self._locked(wait_s):
            yield

    @contextmanager
    def read(self) -> Iterator[Sql]:
        """The tables, whoever writes them meanwhile."""
        with self._working(), self.sql() as sql:
            yield sql

    @abstractmethod
    def changed(self, wait_s: float, *, is_shards: bool = False) -> AbstractContextManager[Sql]:
        """One transaction. `is_shards`: what the shard loads is changed, so that it must not be loading."""

    @abstractmethod
    def alone(self) -> None:
        """As `Place` says."""

    @abstractmethod
    def changing(self, sql: Sql) -> AbstractContextManager[Any]:
        """As `Place` says."""

    @contextmanager
    def sql(self) -> Iterator[Sql]:
        """A connection for as long as this lasts: a load takes longer than some firewalls let one be silent."""
        with self.pipeline().sql_client() as client:
            yield ClientSql(client)

    def pipeline(self) -> dlt.Pipeline:
        """Into the database."""
        assert self._folder  # noqa: S101 - only while it is held
        return pipelines.into(self._destination, self._shard, self._folder)

    def drop_staging(self, sql: Sql) -> None:
        """Each shard has its own."""
        shards.drop_staging(sql, self._shard)

    @abstractmethod
    def finish(self, sql: Sql, usage_unit: str) -> None:
        """As `Place` says."""

    def publish(self) -> None:  # noqa: B027 - of neither is anything left to do
        """It was, when the load was committed."""

    @contextmanager
    def _working(self) -> Iterator[None]:
        """With a folder for dlt, and with what goes wrong in words."""
        with TemporaryDirectory(prefix="aig-billing-") as folder, refusals.told(self.named):
            self._folder = Path(folder)
            yield

    @contextmanager
    def _transaction(self) -> Iterator[Sql]:
        with self.pipeline().sql_client() as client:
            sql = ClientSql(client)
            with client.begin_transaction():
                yield sql

    @abstractmethod
    def _locked(self, wait_s: float) -> AbstractContextManager[None]:
        """Keep away who would write the same rows."""

    def _advisory(self, url: str) -> AbstractContextManager[locks.Advisory]:
        """Where locks are, in a Postgres."""
        return locks.advisory(url, f"aig-billing {self._shard or ''}".strip())

    def _watch(self, taken: locks.Advisory, number: int) -> None:
        """A load is committed only while this lock is held, and one writer at a time changes the schema."""
        self._destination.before_commit = lambda: taken.check(number)
        self._destination.guard = lambda client: self.changing(ClientSql(client))

    def _busy(self, holder: str) -> str:
        return f"{self._what()} is in use by {holder}. Wait for it, or let this one wait with --wait SECONDS."

    @abstractmethod
    def _what(self) -> str:
        """What is locked, at the beginning of a sentence."""

    def _credentials(self) -> Any:
        return self._destination.configuration(self._destination.spec(), accept_partial=True).credentials
