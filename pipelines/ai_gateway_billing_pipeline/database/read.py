"""Reads the published file, and only reads it: SQL of the user's own, and what each resource holds. Needs no dlt."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError, SettingsError
from ai_gateway_billing.rows.tables import ATTRIBUTION, DATASET, RESOURCES, TABLES

from . import confinement, lacking, raw, storage

SCHEMA = DATASET
_FETCH_ROWS = 10_000
_STATES = """
    select account_id, resource, status, error, skipped, last_attempt_at, last_success_at
    from ai_gateway_billing.load_status
    union all by name
    select account_id, 'usage_coverage' as resource,  -- written whenever usage is read
        max(last_attempt_at) as last_attempt_at, min(last_success_at) as last_success_at
    from ai_gateway_billing.load_status
    where resource in ('usage_hourly', 'usage_daily')
    group by account_id
"""
# An item of a child table is quarantined with its parent.
_QUARANTINED = """
    select account_id, split_part(resource, '__', 1) as resource, count(*)
    from ai_gateway_billing.quarantine
    group by all
"""
_COVERAGE = """
    select account_id, "grouping", min(day), max(read_until),
        count(*) filter (read_until >= (day + 1)::timestamptz) as days,
        date_diff('day', min(day), max(read_until)::date) - days as missing
    from ai_gateway_billing.usage_coverage
    group by all
"""
_UNKNOWN_FIELDS = """
    select table_name, field, data_type, first_seen_at
    from ai_gateway_billing.unknown_fields
    order by first_seen_at desc, table_name, field
"""
_USAGE = {"usage_hourly": "hour", "usage_daily": "day"}
_NEWEST = {
    "gateway_usage_hourly": "hour",
    "gateway_usage_tags_hourly": "hour",
    "gateway_usage_gaps": "gap_end",
    "usage_hourly": "start_time",
    "usage_daily": "start_time",
    "usage_coverage": "read_until",
    "invoices": "created",
}
"""The column that tells how new a row is; versioned tables have `_dlt_valid_from`."""


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


class Coverage(NamedTuple):
    """What has been read of an account's usage: `days` whole UTC days, `missing` ones between first and last."""

    first_day: date
    read_until: datetime
    days: int
    missing: int


class Holding(NamedTuple):
    """What the file holds of one account's resource, and how its last load went. `rows` counts old versions too."""

    account_id: str
    resource: str
    rows: int
    newest: datetime | None
    status: str | None
    error: str | None
    skipped: str | None
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    quarantined: int
    coverage: Coverage | None


class UnknownField(NamedTuple):
    """A field that the API sent and the contract does not know; it is kept as a column."""

    table: str
    field: str
    data_type: str
    first_seen_at: datetime


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection in UTC to the file as it is now, also when older connections of this process are open.

    That is why the file is attached: DuckDB gives each `duckdb.connect` of one path the database that the process has
    open under it already, which after a load is the old one.

    Raises `SettingsError`, `DatabaseBusyError` or `DatabaseError`.
    """
    _require_readable(path)
    connection = duckdb.connect(config={"temp_directory": f"{path}.tmp"})
    try:
        name = _quoted(_name_of(path), '"')
        connection.execute(f"attach {_quoted(str(path), chr(39))} as {name} (read_only)")
        connection.execute(f"use {name}")
    except duckdb.Error as error:
        connection.close()
        if "lock" in str(error).lower():
            message = f"{path} is open for writing in another program: {_first_lines(error)}"
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


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, 2 * quote) + quote


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
    words = _first_lines(error)
    if isinstance(error, duckdb.PermissionException) or "configuration has been locked" in words:
        return SettingsError(f"{confinement.PROMISE} {words}")
    if "read-only" in words:
        return SettingsError(f"The database is open for reading only, so that no load is disturbed. {words}")
    return SettingsError(words)


def _first_lines(error: duckdb.Error) -> str:
    return "\n".join(str(error).strip().splitlines()[:6])


def accounts(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The ids of all accounts of which anything is stored."""
    return {account_id for account_id, _ in _counts(connection, raw.tables(connection))}


def holdings(connection: duckdb.DuckDBPyConnection) -> list[Holding]:
    """A row per account and resource, in the order of the documentation. Tables that do not exist are left out.

    Raises `SettingsError` when the file holds nothing of ours.
    """
    present = raw.tables(connection)
    if not present & set(TABLES):
        raise SettingsError("The database contains no AI Gateway billing yet. Run `aig-billing load` first.")
    states = _states(connection) if "load_status" in present else {}
    quarantined = _quarantined(connection) if "quarantine" in present else {}
    coverage = _coverage(connection) if "usage_coverage" in present else {}
    counts = _counts(connection, present)
    nothing: Sequence[Any] = (None,) * 5
    keys = sorted(counts.keys() | states.keys(), key=lambda key: (key[0], _position(key[1])))
    return [
        Holding._make(
            (
                *key,
                *counts.get(key, (0, None)),
                *states.get(key, nothing),
                quarantined.get(key, 0),
                coverage.get((key[0], _USAGE.get(key[1], ""))),
            )
        )
        for key in keys
    ]


def unknown_fields(connection: duckdb.DuckDBPyConnection) -> list[UnknownField]:
    """Fields beyond the contract, the newest first."""
    if "unknown_fields" not in raw.tables(connection):
        return []
    return [UnknownField(*row) for row in _own(connection, _UNKNOWN_FIELDS)]


def _position(resource: str) -> int:
    known = (*RESOURCES, *ATTRIBUTION)
    return known.index(resource) if resource in known else len(known)


def _counts(connection: duckdb.DuckDBPyConnection, tables: Collection[str]) -> dict[tuple[str, str], Sequence[Any]]:
    """Rows and the newest one's time for each account and resource."""
    parts = [
        f"select account_id, '{table}', count(*), max({_NEWEST.get(table, '_dlt_valid_from')}) "  # noqa: S608 - names of ours
        f"from {SCHEMA}.{table} group by all"
        for table in (*RESOURCES, *ATTRIBUTION)
        if table in tables
    ]
    return {row[:2]: row[2:] for row in _own(connection, " union all ".join(parts))} if parts else {}


def _states(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Sequence[Any]]:
    return {row[:2]: row[2:] for row in _own(connection, _STATES)}


def _quarantined(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    return {(account_id, resource): rows for account_id, resource, rows in _own(connection, _QUARANTINED)}


def _coverage(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Coverage]:
    return {row[:2]: Coverage(*row[2:]) for row in _own(connection, _COVERAGE)}


def _own(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    """Rows of our own tables. Raises `DatabaseError` when they are not as we make them."""
    try:
        return connection.execute(sql).fetchall()
    except (duckdb.BinderException, duckdb.CatalogException):
        raise
    except duckdb.Error as error:
        message = f"The schema {SCHEMA} of this database was made by something else: {_first_lines(error)}"
        raise DatabaseError(message) from error
