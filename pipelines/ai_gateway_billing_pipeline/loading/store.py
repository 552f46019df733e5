"""Changes to what is stored that are no load: small tables of other commands, an account that is to be forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ai_gateway_billing.errors import SettingsError

from . import destinations, places, shards
from .sql import FileSql, Sql
from .workspace import Workspace


class Where(Protocol):
    """What names a place: `settings.Settings` and `settings.Store` do."""

    @property
    def destination(self) -> str:
        """`duckdb` for the file, else a destination of dlt."""

    @property
    def database(self) -> Path:
        """The file, where it is one."""


@contextmanager
def changed(where: Where, wait_s: float = 0.0, *, anew: bool = False, forgets: str | None = None) -> Iterator[Sql]:
    """Everything that is executed within, or nothing. One at a time, and never a stall to a load into Postgres.

    `anew`: a file then holds nothing any more of what was deleted. `forgets`: an account that no load may write
    meanwhile. Raises `SettingsError`, `DatabaseBusyError` when it is not free within `wait_s`, `DatabaseError`.
    """
    with destinations.opened(where.destination) as destination:
        if destination is None:
            with Workspace(where.database.resolve()).changed(wait_s, anew=anew) as connection:
                yield FileSql(connection)
            return
        if where.destination not in destinations.SUPPORTED:
            raise SettingsError(
                f"The destination {where.destination} takes loads alone. Use duckdb, postgres or ducklake."
            )
        store = places.database(where.destination, None, destination)
        if forgets:
            with store.read() as sql:
                owner = shards.owners(sql).get(forgets)
            store = places.database(where.destination, owner, destination)
        with store.changed(wait_s, is_shards=forgets is not None) as sql:
            yield sql


@contextmanager
def read(where: Where) -> Iterator[Sql]:
    """What is stored in a destination other than the file, without a lock."""
    with destinations.opened(where.destination) as destination:
        if destination is None or where.destination not in destinations.SUPPORTED:
            raise SettingsError(
                f"The destination {where.destination} cannot be read. Use duckdb, postgres or ducklake."
            )
        with places.database(where.destination, None, destination).read() as sql:
            yield sql
