-- spend.daily_sources: one row per account, UTC day and usage table that knows the day. Both tables tell the same money: never sum over sources.
-- account_id: Cloudflare account id
-- day: UTC day
-- source: `hour` for the sum of usage_hourly, `day` for the figure of usage_daily
-- amount: spend of the day in major units, exact; of the running day, what is known of it so far
-- has_usage: true when the API gave a bucket for the day, false when it proved silent
-- hours_known: how many hours of the day had ended when it was read, and were read completely
-- is_complete: all of them
-- read_at: when the day was last read, UTC; NULL when it was never read completely
create or replace view spend.daily_sources as
with
usage as (
  select
    account_id,
    epoch_us(bucket_start) // 86400000000 as day_number,
    'hour' as source,
    sum(aggregated_value) as usage
  from ai_gateway_billing.usage_hourly
  group by all
  union all
  select
    account_id,
    epoch_us(bucket_start) // 86400000000 as day_number,
    'day' as source,
    sum(aggregated_value) as usage
  from ai_gateway_billing.usage_daily
  group by all
),
coverage as (
  select
    account_id,
    epoch(day)::bigint // 86400 as day_number,
    "grouping" as source,
    epoch(read_until)::bigint // 3600 - day_number * 24 as hours_known,
    read_at
  from ai_gateway_billing.usage_coverage
)
select
  account_id,
  date '1970-01-01' + day_number::integer as day,
  source,
  coalesce(usage.usage, 0) * accounts.major_per_usage_unit as amount,
  usage.usage is not null as has_usage,
  coalesce(coverage.hours_known, 0) as hours_known,
  coalesce(coverage.hours_known, 0) = 24 as is_complete,
  coverage.read_at
from usage
full join coverage using (account_id, day_number, source)
join spend.accounts using (account_id)
where usage.usage is not null or coverage.hours_known > 0;
