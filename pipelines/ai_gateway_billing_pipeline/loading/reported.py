"""Raw table `usage_reported`: what each day and month said when it was first complete, and what it says now.

A row per account, grouping (`hour` or `day`: the usage table), period (`day` or `month`) and its first UTC day. The
amounts are sums of aggregated_value, in its unit. What is complete when this table is made counts as first seen then.
It is worked out from usage and coverage alone, so a load that is run again writes what it would have written.
"""

from collections.abc import Collection
from datetime import datetime

from ai_gateway_billing.rows.tables import GROUPING_OF

from .sql import Sql, tables

_SAME = """
    old.account_id = found.account_id and old."grouping" = found."grouping" and old.period = found.period
        and old.starts = found.starts
"""
# Only months of which this load read a day, or of which a complete day is not recorded yet, can have anything new.
_FOUND = """
with covered as (
    select account_id, "grouping", day, cast(date_trunc('month', day) as date) as month, read_at
    from ai_gateway_billing.usage_coverage
    where read_until >= cast(day + 1 as timestamptz) and "grouping" = '{grouping}' and account_id in ({accounts})
),
touched as (
    select distinct covered.account_id, covered.month
    from covered
    left join ai_gateway_billing.usage_reported as old on old.account_id = covered.account_id
        and old."grouping" = covered."grouping" and old.period = 'day' and old.starts = covered.day
    where covered.read_at >= %s or old.starts is null
),
used as (
    select account_id, cast(bucket_start at time zone 'UTC' as date) as day, sum(aggregated_value) as usage
    from ai_gateway_billing.{table}
    where bucket_start >= (select cast(min(month) as timestamptz) from touched)
    group by 1, 2
),
days as (
    select covered.account_id, covered."grouping", covered.day, covered.month,
        cast(coalesce(used.usage, 0) as decimal(38, 18)) as usage
    from covered
    join touched on touched.account_id = covered.account_id and touched.month = covered.month
    left join used on used.account_id = covered.account_id and used.day = covered.day
)
select account_id, "grouping", 'day' as period, day as starts, usage from days
union all
select account_id, "grouping", 'month' as period, month as starts, cast(sum(usage) as decimal(38, 18)) as usage
from days
group by account_id, "grouping", month
having count(*) = cast(month + interval '1 month' as date) - month
"""
_ADD = """
insert into ai_gateway_billing.usage_reported
    (account_id, "grouping", period, starts, first_usage, first_seen_at, last_usage, last_seen_at)
select found.account_id, found."grouping", found.period, found.starts, found.usage, %s, found.usage, %s
from ({found}) as found
left join ai_gateway_billing.usage_reported as old on {same}
where old.starts is null
"""
# DuckDB 1 counts the values of an update from its tables on, not from its beginning: all of them stand there.
_CHANGE = """
update ai_gateway_billing.usage_reported as old set last_usage = found.usage, last_seen_at = found.seen_at
from (select *, cast(%s as timestamptz) as seen_at from ({found}) as found) as found
where {same} and old.last_usage <> found.usage
"""


def record(sql: Sql, account_ids: Collection[str], now: datetime) -> None:
    """Write what this load made complete of these accounts, and what it changed of what was. `now` dates the load."""
    present = tables(sql)
    if "usage_coverage" not in present or not account_ids:
        return
    for table in GROUPING_OF.keys() & present:
        places = ", ".join(["%s"] * len(account_ids))
        found = _FOUND.format(table=table, grouping=GROUPING_OF[table], accounts=places)
        sql.execute(_CHANGE.format(found=found, same=_SAME), now, *account_ids, now)
        sql.execute(_ADD.format(found=found, same=_SAME), now, now, *account_ids, now)
