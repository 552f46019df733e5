"""Opens the published file, which is only read, and runs SQL of the user's own. Needs no dlt."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError, SettingsError

from . import confinement, lacking, quoting, storage

_FETCH_ROWS = 10_000


class Answer(NamedTuple):
    """Columns with their types, and rows as they are fetched."""

    columns: list[str]
    types: list[str]
    rows: Iterator[tuple[Any, ...]]

    @property
    def numbers(self) -> list[int]:
        """Positions of numeric columns."""
        numeric = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "INTEGER", "HUGEINT", "SMALLINT", "TINYINT", "U")
        return [
            n
            for n, kind in enumerate(self.types)
            if kind.startswith(numeric) and not kind.endswith("]") and kind != "UUID"
        ]


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection in UTC to the file as it is now, also when older connections of this process are open.

    That is why the file is attached: DuckDB gives each `duckdb.connect` of one path the database that the process has
    open under it already, which after a load is the old one.

    Raises `SettingsError`, `DatabaseBusyError` or `DatabaseError`.
    """
    _require_readable(path)
    connection = duckdb.connect(config={"temp_directory": f"{path}.tmp"})
    try:
        name = quoting.name(_name_of(path))
        connection.execute(f"attach {quoting.text(str(path))} as {name} (read_only)")
        connection.execute(f"use {name}")
    except duckdb.Error as error:
        connection.close()
        if "lock" in str(error).lower():
            message = f"{path} is open for writing in another program: {first_lines(error)}"
            raise DatabaseBusyError(message) from error
        raise DatabaseError(storage.why_unreadable(path, error, named=path)) from error
    connection.execute("set timezone = 'UTC'")
    connection.execute("set python_enable_replacements = false")  # a missing table is not a variable of ours
    return connection


def _name_of(path: Path) -> str:
    """What DuckDB would call the database; another name where it has one of its own that is called so."""
    name = path.name.partition(".")[0]
    return "billing" if name.lower() in ("", "main", "memory", "system", "temp") else name


def _require_readable(path: Path) -> None:
    try:
        if path.is_file():
            with path.open("rb"):
                return
    except PermissionError as error:
        raise SettingsError(
            f"You may not read {path} (permission denied). Ask its owner for read access to it and to its folder."
        ) from error
    except OSError as error:
        raise DatabaseError(f"{path} cannot be read: {error.strerror}.") from error
    message = f"There is no database {path}. Run `aig-billing load` first, or name another with --database."
    raise SettingsError(message)


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> Answer:
    """Run SQL that somebody gave. From then on the connection reads this database and nothing else.

    Raises `SettingsError` with the database's own first words, also while rows are fetched, but `duckdb.Error` as it is
    where something of ours is not there.
    """
    if not sql.strip():
        raise SettingsError(
            'There is no SQL to run. Write aig-billing query "select ...", or - to read it from standard input.'
        )
    try:
        confinement.confine(connection)
        confinement.refuse_ways_out(connection, sql)
        cursor = connection.execute(sql)
    except duckdb.Error as error:
        if lacking.is_ours(error, sql, connection):
            raise
        raise _refused(error) from error
    description = cursor.description or []
    return Answer([column[0] for column in description], [str(column[1]) for column in description], _rows(cursor))


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    try:
        while rows := cursor.fetchmany(_FETCH_ROWS):
            yield from rows
    except duckdb.Error as error:
        raise _refused(error) from error


def _refused(error: duckdb.Error) -> SettingsError:
    words = first_lines(error)
    if isinstance(error, duckdb.PermissionException) or "configuration has been locked" in words:
        return SettingsError(f"{confinement.PROMISE} {words}")
    if "read-only" in words:
        return SettingsError(f"The database is open for reading only, so that no load is disturbed. {words}")
    return SettingsError(words)


def first_lines(error: duckdb.Error) -> str:
    """What a database says, without what it adds below."""
    return "\n".join(str(error).strip().splitlines()[:6])
