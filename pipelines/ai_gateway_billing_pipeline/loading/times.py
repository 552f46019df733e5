"""Mends what a wrong clock once wrote: times ahead of now, and versions that end before they begin.

What is ahead of now was written before now. So it counts as written just before it, in the order that it tells.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

import duckdb

from ai_gateway_billing.clock import EXACT, TOLD_FROM

_VERSIONS = ("invoice_preview", "credit_balance", "topup_config", "spending_limit")
_BOUNDED = {
    ("account_names", "named_at"),
    ("load_status", "last_attempt_at"),
    ("load_status", "last_listed_at"),
    ("load_status", "last_success_at"),
    ("quarantine", "first_seen_at"),
    ("quarantine", "last_seen_at"),
    ("unknown_fields", "first_seen_at"),
    ("usage_coverage", "read_at"),
    ("_dlt_loads", "inserted_at"),
    ("_dlt_version", "inserted_at"),
}
"""Columns whose moments are now at the latest, in whatever order they were."""

# An inverted version began just before it ended, and so the one before it ended then: one pass for each in a row.
_INVERTED = """
create or replace temp table wrong as
select account_id, _dlt_valid_from as old, max(_dlt_valid_to) - to_milliseconds(1) as new
from ai_gateway_billing.{table} where _dlt_valid_from > _dlt_valid_to group by all
"""
_LATE = """
create or replace temp table wrong as
select account_id, old, $2::timestamptz - to_milliseconds(dense_rank() over (order by old desc)) as new
from ({moments}) where old > $1
"""
_MOMENTS = "select account_id, {column} as old from ai_gateway_billing.{table}"
_RIGHT = """
update ai_gateway_billing.{table} as mended set {column} = wrong.new
from wrong where wrong.account_id = mended.account_id and wrong.old = mended.{column}
"""
_BOUND = "update ai_gateway_billing.{table} set {column} = $2 where {column} > $1"
_NOT_BEGUN = "delete from ai_gateway_billing.{table} where day > $1::date"
_NOT_ENDED = """
update ai_gateway_billing.{table}
set read_until = greatest(day::timestamptz, date_trunc("grouping", $1::timestamptz))
where read_until > $1
"""

log = logging.getLogger(__name__)


def mend(connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Change the tables so that nothing in them is later than now, and warn if anything was."""
    connection.execute("set timezone = 'UTC'")
    changed = sum(_changes(connection, now))
    if changed:
        log.warning("A wrong clock once wrote %d times that cannot be. They count as just before now.", changed)


def newest(connection: duckdb.DuckDBPyConnection, now: datetime) -> datetime:
    """Now, or the last load's moment where that is seconds later: no clock is more exact, and loads have an order."""
    try:
        ((last,),) = connection.execute("select max(last_attempt_at) from ai_gateway_billing.load_status").fetchall()
    except duckdb.CatalogException:
        return now
    return last if last and now < last <= now + EXACT else now


def _changes(connection: duckdb.DuckDBPyConnection, now: datetime) -> Iterator[int]:
    """How many times each step has changed."""
    query = "select table_name, column_name from duckdb_columns() where schema_name = 'ai_gateway_billing'"
    present = set(connection.execute(query).fetchall())
    for table in _VERSIONS:
        if (table, "_dlt_valid_to") in present:
            yield from _in_order(connection, table, ["_dlt_valid_to", "_dlt_valid_from"], now)
    if ("invoices", "last_listed_at") in present:
        yield from _not_late(connection, "invoices", ["last_listed_at"], now)
    if ("usage_coverage", "read_until") in present:
        yield _count(connection, _NOT_BEGUN, "usage_coverage", now)
        yield _count(connection, _NOT_ENDED, "usage_coverage", now)
    for table, column in sorted(_BOUNDED & present):
        changed = _count(connection, _BOUND.replace("{column}", column), table, now + TOLD_FROM, now)
        yield 0 if table.startswith("_dlt") else changed  # dlt always goes by this machine's clock


def _in_order(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str], now: datetime) -> Iterator[int]:
    while _count(connection, _INVERTED, table):
        yield from _righted(connection, table, columns)
    yield from _not_late(connection, table, columns, now)


def _not_late(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str], now: datetime) -> Iterator[int]:
    moments = " union ".join(_MOMENTS.replace("{column}", column) for column in columns)
    if _count(connection, _LATE.replace("{moments}", moments), table, now + EXACT, now):
        yield from _righted(connection, table, columns)


def _righted(connection: duckdb.DuckDBPyConnection, table: str, columns: list[str]) -> Iterator[int]:
    for column in columns:
        yield _count(connection, _RIGHT.replace("{column}", column), table)


def _count(connection: duckdb.DuckDBPyConnection, statement: str, table: str, *values: datetime) -> int:
    ((count,),) = connection.execute(statement.format(table=table), list(values)).fetchall()
    return int(count)
