"""What the database holds of each account's resources, how their last loads went, and fields that nobody documented."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import DatabaseError, SettingsError
from ai_gateway_billing.rows.tables import ATTRIBUTION, DATASET, GROUPING_OF, RESOURCES, TABLES

from . import raw
from .lacking import LACKING
from .read import first_lines

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
    counts = _counts(connection, present)
    states = _by_key(connection, _STATES) if "load_status" in present else {}
    quarantined = _by_key(connection, _QUARANTINED) if "quarantine" in present else {}
    coverage = _by_key(connection, _COVERAGE) if "usage_coverage" in present else {}
    found = []
    for key in sorted(counts.keys() | states.keys(), key=lambda key: (key[0], _position(key[1]))):
        read = coverage.get((key[0], GROUPING_OF.get(key[1], "")))
        row = *key, *counts.get(key, (0, None)), *states.get(key, (None,) * 5), *quarantined.get(key, (0,))
        found.append(Holding._make((*row, read and Coverage._make(read))))
    return found


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
    selects = [
        f"select account_id, '{table}', count(*), max({_NEWEST.get(table, '_dlt_valid_from')}) "  # noqa: S608 - names of ours
        f"from {DATASET}.{table} group by all"
        for table in (*RESOURCES, *ATTRIBUTION)
        if table in tables
    ]
    return _by_key(connection, " union all ".join(selects)) if selects else {}


def _by_key(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[tuple[str, str], Sequence[Any]]:
    return {row[:2]: row[2:] for row in _own(connection, sql)}


def _own(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Any]:
    """Rows of our own tables. Raises `DatabaseError` when they are not as we make them."""
    try:
        return connection.execute(sql).fetchall()
    except LACKING:
        raise
    except duckdb.Error as error:
        message = f"The schema {DATASET} of this database was made by something else: {first_lines(error)}"
        raise DatabaseError(message) from error
