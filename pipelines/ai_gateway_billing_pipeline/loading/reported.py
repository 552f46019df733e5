"""Raw table `usage_reported`: what each day and month said when it was first complete, and what it says now.

A row per account, grouping (`hour` or `day`: the usage table), period (`day` or `month`) and its first UTC day. The
amounts are sums of aggregated_value, in its unit. What is complete when this table is made counts as first seen then.
It is worked out from usage and coverage alone, so a load that is run again writes what it would have written.
"""

from collections.abc import Collection
from datetime import datetime

from ai_gateway_billing.rows.tables import GROUPING_OF
from ai_gateway_billing_pipeline.database import quoting

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
    where read_until >= cast(day + 1 as timestamptz) and "grouping" in ({groupings}) and account_id in ({accounts})
),
touched as (
    select distinct covered.account_id, covered."grouping", covered.month
    from covered
    left join ai_gateway_billing.usage_reported as old on old.account_id = covered.account_id
        and old."grouping" = covered."grouping" and old.period = 'day' and old.starts = covered.day
    where covered.read_at >= %s or old.starts is null
),
used as ({used}),
days as (
    select covered.account_id, covered."grouping", covered.day, covered.month,
        cast(coalesce(used.usage, 0) as decimal(38, 18)) as usage
    from covered
    join touched on touched.account_id = covered.account_id and touched."grouping" = covered."grouping"
        and touched.month = covered.month
    left join used on used.account_id = covered.account_id and used."grouping" = covered."grouping"
        and used.day = covered.day
)
select account_id, "grouping", 'day' as period, day as starts, usage from days
union all
select account_id, "grouping", 'month' as period, month as starts, cast(sum(usage) as decimal(38, 18)) as usage
from days
group by account_id, "grouping", month
having count(*) = cast(month + interval '1 month' as date) - month
"""
_USED = """
select account_id, '{grouping}' as "grouping", cast(bucket_start at time zone 'UTC' as date) as day,
    sum(aggregated_value) as usage
from ai_gateway_billing.{table}
where bucket_start >= (select cast(min(month) as timestamptz) from touched where "grouping" = '{grouping}')
group by 1, 3
"""
_NEWS = """
select 1
from ({found}) as found
left join ai_gateway_billing.usage_reported as old on {same}
where old.starts is null or old.last_usage <> found.usage
limit 1
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
    groupings = {table: GROUPING_OF[table] for table in sorted(GROUPING_OF.keys() & present)}
    if "usage_coverage" not in present or not groupings or not account_ids:
        return
    found = _FOUND.format(
        groupings=", ".join(map(quoting.text, groupings.values())),
        accounts=", ".join(["%s"] * len(account_ids)),
        used=" union all ".join(_USED.format(table=table, grouping=each) for table, each in groupings.items()),
    )
    if sql.execute(_NEWS.format(found=found, same=_SAME), *account_ids, now):  # in a few loads a day
        sql.execute(_CHANGE.format(found=found, same=_SAME), now, *account_ids, now)
        sql.execute(_ADD.format(found=found, same=_SAME), now, now, *account_ids, now)
