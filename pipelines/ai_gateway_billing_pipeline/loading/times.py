"""Mends what a wrong clock once wrote: times ahead of now, and versions that end before they begin.

What is ahead of now was written before now. So it counts as written just before it, in the order that it tells.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from ai_gateway_billing.clock import EXACT, TOLD_FROM

from .sql import Sql, columns

_VERSIONS = ("invoice_preview", "credit_balance", "topup_config", "spending_limit", "gateways")
_BOUNDED = {
    ("account_names", "named_at"),
    ("gateway_usage_gaps", "noticed_at"),
    ("load_status", "last_attempt_at"),
    ("load_status", "last_listed_at"),
    ("load_status", "last_success_at"),
    ("quarantine", "first_seen_at"),
    ("quarantine", "last_seen_at"),
    ("unknown_fields", "first_seen_at"),
    ("usage_reported", "first_seen_at"),
    ("usage_reported", "last_seen_at"),
    ("usage_coverage", "read_at"),
    ("_dlt_loads", "inserted_at"),
    ("_dlt_version", "inserted_at"),
}
"""Columns whose moments are now at the latest, in whatever order they were."""

# An inverted version began just before it ended, and so the one before it ended then: one pass for each in a row.
_INVERTED = """
select account_id, _dlt_valid_from as old, max(_dlt_valid_to) - interval '1 millisecond' as new
from ai_gateway_billing.{table} where _dlt_valid_from > _dlt_valid_to group by account_id, _dlt_valid_from
"""
_LATE = """
select account_id, old, %s::timestamptz - dense_rank() over (order by old desc) * interval '1 millisecond' as new
from ({moments}) as moments where old > %s
"""
_MOMENTS = "select account_id, {column} as old from ai_gateway_billing.{table}"
_RIGHT = """
update ai_gateway_billing.{table} as mended set {column} = wrong.new
from wrong where wrong.account_id = mended.account_id and wrong.old = mended.{column}
"""
_BEYOND = "select '{table}', '{column}', count(*) from ai_gateway_billing.{table} where {column} > %s"
_BOUND = "update ai_gateway_billing.{table} set {column} = %s where {column} > %s"
_NOT_BEGUN = "delete from ai_gateway_billing.usage_coverage where day > %s::date"
_NOT_ENDED = """
update ai_gateway_billing.usage_coverage
set read_until = greatest(day::timestamptz, date_trunc("grouping", %s::timestamptz))
where read_until > %s
"""

log = logging.getLogger(__name__)


def mend(sql: Sql, now: datetime) -> None:
    """Change the tables so that nothing in them is later than now, and warn if anything was."""
    changed = sum(_changes(sql, now))
    if changed:
        log.warning("A wrong clock once wrote %d times that cannot be. They count as just before now.", changed)


def newest(sql: Sql, now: datetime) -> datetime:
    """Now, or the last load's moment where that is seconds later: no clock is more exact, and loads have an order."""
    if ("load_status", "last_attempt_at") not in columns(sql, "load_status"):
        return now
    ((last,),) = sql.execute("select max(last_attempt_at) from ai_gateway_billing.load_status")
    return last if last and now < last <= now + EXACT else now


def _changes(sql: Sql, now: datetime) -> Iterator[int]:
    """How many times each step has changed."""
    present = columns(sql)
    for table in _VERSIONS:
        if (table, "_dlt_valid_to") in present:
            yield from _in_order(sql, table, ["_dlt_valid_to", "_dlt_valid_from"], now)
    if ("invoices", "last_listed_at") in present:
        yield from _not_late(sql, "invoices", ["last_listed_at"], now)
    if ("usage_coverage", "read_until") in present:
        yield _changed(sql, "usage_coverage", "day > %s::date", now, (_NOT_BEGUN, [now]))
        yield _changed(sql, "usage_coverage", "read_until > %s", now, (_NOT_ENDED, [now, now]))
    bounded, limit = sorted(_BOUNDED & present), now + TOLD_FROM
    beyond = " union all ".join(_BEYOND.format(table=table, column=column) for table, column in bounded)
    for table, column, count in sql.execute(beyond, *[limit] * len(bounded)) if bounded else ():
        if count:
            sql.execute(_BOUND.format(table=table, column=column), now, limit)
        yield 0 if table.startswith("_dlt") else int(count)  # dlt always goes by this machine's clock


def _changed(sql: Sql, table: str, condition: str, limit: datetime, change: tuple[str, list[datetime]]) -> int:
    """How many rows the condition is true of; then the change is made."""
    query = f"select count(*) from ai_gateway_billing.{table} where {condition}"  # noqa: S608  # our names
    ((count,),) = sql.execute(query, limit)
    if count:
        sql.execute(change[0], *change[1])
    return int(count)


def _in_order(sql: Sql, table: str, moments: list[str], now: datetime) -> Iterator[int]:
    while _is_wrong(sql, _INVERTED.format(table=table)):
        yield from _righted(sql, table, moments)
    yield from _not_late(sql, table, moments, now)


def _not_late(sql: Sql, table: str, moments: list[str], now: datetime) -> Iterator[int]:
    union = " union ".join(_MOMENTS.format(column=column, table=table) for column in moments)
    if _is_wrong(sql, _LATE.format(moments=union), now, now + EXACT):
        yield from _righted(sql, table, moments)


def _is_wrong(sql: Sql, query: str, *values: datetime) -> bool:
    """Whether the query finds moments that cannot be: they go to the table `wrong`, with what is right instead."""
    if not sql.execute(f"select 1 from ({query}) as found limit 1", *values):  # noqa: S608  # one of those above
        return False
    sql.execute("drop table if exists wrong")
    sql.execute(f"create temporary table wrong as {query}", *values)
    return True


def _righted(sql: Sql, table: str, moments: list[str]) -> Iterator[int]:
    for column in moments:
        query = f"select count(*) from wrong join ai_gateway_billing.{table} as mended using (account_id)"  # noqa: S608
        ((count,),) = sql.execute(f"{query} where wrong.old = mended.{column}")
        sql.execute(_RIGHT.format(table=table, column=column))
        yield int(count)
