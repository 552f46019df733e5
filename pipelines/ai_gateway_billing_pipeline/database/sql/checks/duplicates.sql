-- No bucket is there twice under one id, and no id stands for two buckets.
with
usage as not materialized (
  select 'usage_hourly' as table_name, account_id, start_time, id from ai_gateway_billing.usage_hourly
  union all
  select 'usage_daily' as table_name, account_id, start_time, id from ai_gateway_billing.usage_daily
),
marked as not materialized (
  select *, hash(table_name, account_id, id) as mark
  from usage
),
-- All that share an id, and what shares no more than its mark: few, where all ids would take four times the memory.
buckets as (
  select table_name, account_id, start_time, id
  from marked
  where mark in (select mark from marked group by mark having count(*) > 1)
),
twice as (
  select table_name, account_id, start_time, id
  from buckets
  group by all
  having count(*) > 1
),
shared as (
  select table_name, account_id, id
  from buckets
  group by all
  having count(distinct start_time) > 1
)
select
  'error' as severity,
  account_id,
  table_name || ' contains ' || count(*) || ' bucket(s) more than once under the same id, the first from '
    || strftime(min(start_time at time zone 'UTC'), '%Y-%m-%d %H:%M') || ' UTC.' as finding,
  table_name || ' buckets' as matter,
  list(distinct (start_time at time zone 'UTC')::date::varchar) as reached
from twice
group by table_name, account_id
union all
select
  'warning' as severity,
  account_id,
  table_name || ' contains ' || count(*) || ' id(s) that belong to more than one bucket.' as finding,
  table_name || ' ids' as matter,
  list(distinct id) as reached
from shared
group by table_name, account_id
