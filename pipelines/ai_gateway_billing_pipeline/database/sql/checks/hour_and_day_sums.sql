-- The hours of a UTC day add up to the day, wherever both were read completely.
with
complete as (
  select account_id, "grouping", day, read_at
  from ai_gateway_billing.usage_coverage
  where read_until >= ((day + 1)::timestamp at time zone 'UTC')
),
both_read as (
  select hours.account_id, hours.day, abs(epoch(hours.read_at - days.read_at)) < 3600 as at_once
  from complete as hours
  join complete as days using (account_id, day)
  where hours."grouping" = 'hour' and days."grouping" = 'day'
),
hours as (
  select
    account_id,
    date '1970-01-01' + (epoch_us(bucket_start) // 86400000000)::integer as day,
    sum(aggregated_value) as total
  from ai_gateway_billing.usage_hourly
  group by all
),
days as (
  select
    account_id,
    date '1970-01-01' + (epoch_us(bucket_start) // 86400000000)::integer as day,
    sum(aggregated_value) as total
  from ai_gateway_billing.usage_daily
  group by all
)
select
  if(both_read.at_once, 'error', 'warning') as severity,
  account_id,
  'On ' || day || ' the hours add up to ' || trim_zeros(coalesce(hours.total, 0)) || ', but the day is '
    || trim_zeros(coalesce(days.total, 0)) || '. Run aig-billing backfill --from ' || day || ' --to ' || day || '.'
    as finding,
  day::varchar as matter,
  []::varchar[] as reached
from both_read
left join hours using (account_id, day)
left join days using (account_id, day)
where coalesce(hours.total, 0) <> coalesce(days.total, 0)
