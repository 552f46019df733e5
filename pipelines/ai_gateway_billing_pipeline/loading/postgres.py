"""The place of a load that is a Postgres: several shards at once, and a lock for each of what they must not share."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from ai_gateway_billing.rows.tables import DATASET

from . import locks, shards
from .databases import Database
from .sql import Sql

# Locks are of one database: how this machine calls that does not belong in their names.
_SCOPE = ("schema", DATASET)
_WHOLE = locks.key(*_SCOPE)
_OF_SCHEMA = locks.key(*_SCOPE, "schema")


class Postgres(Database):
    """Postgres: loads share a lock of the whole, and each has one of its shard."""

    jobs_at_once = 20  # as dlt does by itself

    def __init__(self, named: str, shard: str | None, destination: Any) -> None:
        super().__init__(named, shard, destination)
        self._locks: locks.Advisory | None = None

    @contextmanager
    def changed(self, wait_s: float, *, is_shards: bool = False) -> Iterator[Sql]:
        """Beside loads, unless it is their rows that are changed."""
        lock = self._locked(wait_s) if is_shards else nullcontext()
        with self._working(), lock, self._transaction() as sql:
            sql.execute("select pg_advisory_xact_lock(%s)", _OF_SCHEMA)
            yield sql

    @contextmanager
    def _locked(self, wait_s: float) -> Iterator[None]:
        own = locks.key(*_SCOPE, "shard", self._shard or "")
        with self._advisory(self._credentials().to_native_representation()) as taken:
            taken.take(_WHOLE, wait_s, self._busy, shared=True)
            taken.take(own, wait_s, self._busy)
            self._locks = taken
            self._watch(taken, own)
            yield

    def _what(self) -> str:
        return f"In {self.named}, {shards.named(self._shard)}"

    def alone(self) -> None:
        """Loads share a lock of the whole; who repairs something needs it for itself."""
        if self._locks:
            self._locks.take(
                _WHOLE,
                0,
                lambda holder: (
                    f"Tables are missing in {self.named}, while {holder} loads into it. Run again when that has ended."
                ),
            )

    @contextmanager
    def changing(self, sql: Sql) -> Iterator[None]:
        """A lock of whoever changes the schema, held only as long as that takes."""
        sql.execute("select pg_advisory_lock(%s)", _OF_SCHEMA)
        try:
            yield
        finally:
            sql.execute("select pg_advisory_unlock(%s)", _OF_SCHEMA)

    def finish(self, sql: Sql, usage_unit: str) -> None:
        """Nothing is left."""
