-- Every bucket starts on a full hour or UTC midnight, lasts one hour or day, and does not lie ahead.
with
usage as (
  select 'usage_hourly' as table_name, interval 1 hour as length, * exclude (withdrawn)
  from ai_gateway_billing.usage_hourly
  union all by name
  select 'usage_daily' as table_name, interval 1 day as length, * exclude (withdrawn)
  from ai_gateway_billing.usage_daily
),
judged as (
  select
    table_name,
    account_id,
    start_time,
    start_time <> bucket_start or end_time <> start_time + length as is_unaligned,
    start_time > $now or start_time < timestamptz '2020-01-01 00:00:00+00' as is_out_of_range
  from usage
)
select
  'error' as severity,
  account_id,
  table_name || ' contains ' || count(*) || ' bucket(s) that '
    || if(is_out_of_range, 'lie ahead or before 2020', 'are not one full ' || if(table_name = 'usage_daily', 'UTC day', 'hour'))
    || ', the first from ' || strftime(min(start_time at time zone 'UTC'), '%Y-%m-%d %H:%M') || ' UTC.' as finding,
  table_name || if(is_out_of_range, ' out of range', ' unaligned') as matter,
  list(distinct (start_time at time zone 'UTC')::date::varchar) as reached
from judged
where is_unaligned or is_out_of_range
group by table_name, account_id, is_out_of_range
