-- No bucket is there twice under one id, and no id stands for two buckets.
with
usage as (
  select 'usage_hourly' as table_name, account_id, start_time, id from ai_gateway_billing.usage_hourly
  union all
  select 'usage_daily' as table_name, account_id, start_time, id from ai_gateway_billing.usage_daily
),
-- Ids of more than one row, which are few: only these are looked at more closely.
repeated as (
  select table_name, account_id, id, list(start_time) as starts
  from usage
  group by all
  having count(*) > 1
),
buckets as (
  select table_name, account_id, id, unnest(starts) as start_time
  from repeated
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
