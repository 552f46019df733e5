-- spend.daily_sources: one row per account, UTC day and usage table that knows the day. Both tables contain the same money: never sum over sources.
-- account_id: Cloudflare account id
-- day: UTC day
-- source: `hour` for the sum of usage_hourly, `day` for the figure of usage_daily
-- amount: spend of the day in major units; of the running day, what is known of it so far
-- has_usage: true when the API gave a bucket for the day, false when it proved silent
-- hours_known: how many hours of the day had ended when it was read, and were read completely
-- is_complete: all of them
-- read_at: when the day was last read, UTC; NULL when it was never read completely
create or replace view spend.daily_sources as
with
coverage as (
  select
    account_id,
    epoch(day)::bigint // 86400 as day_number,
    "grouping",
    epoch(read_until)::bigint // 3600 - day_number * 24 as hours_known,
    read_at
  from ai_gateway_billing.usage_coverage
),
by_hour as (
  select
    usage_hourly.account_id,
    epoch_us(usage_hourly.bucket_start) // 86400000000 as day_number,
    sum(spend.amount(usage_hourly.aggregated_value * accounts.major_per_usage_unit)) as amount
  from ai_gateway_billing.usage_hourly as usage_hourly
  join spend.accounts using (account_id)
  group by all
),
by_day as (
  select
    usage_daily.account_id,
    epoch_us(usage_daily.bucket_start) // 86400000000 as day_number,
    sum(spend.amount(usage_daily.aggregated_value * accounts.major_per_usage_unit)) as amount
  from ai_gateway_billing.usage_daily as usage_daily
  join spend.accounts using (account_id)
  group by all
),
-- One branch for each table, so that whoever asks for one source does not read the other.
sources as (
  select
    account_id,
    day_number,
    'hour' as source,
    by_hour.amount,
    covered.hours_known,
    covered.read_at
  from by_hour
  full join (from coverage where "grouping" = 'hour') as covered using (account_id, day_number)
  union all
  select
    account_id,
    day_number,
    'day' as source,
    by_day.amount,
    covered.hours_known,
    covered.read_at
  from by_day
  full join (from coverage where "grouping" = 'day') as covered using (account_id, day_number)
)
select
  account_id,
  date '1970-01-01' + sources.day_number::integer as day,
  sources.source,
  coalesce(sources.amount, 0) as amount,
  sources.amount is not null as has_usage,
  coalesce(sources.hours_known, 0) as hours_known,
  coalesce(sources.hours_known, 0) = 24 as is_complete,
  sources.read_at
from sources
join spend.accounts using (account_id)
where sources.amount is not null or sources.hours_known > 0;
