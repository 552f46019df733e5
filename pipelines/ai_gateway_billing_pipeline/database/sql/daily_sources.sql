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
-- One branch for each table, so that whoever asks for one source does not read the other. No join but a union, so that
-- whoever asks for an account or a day does not read the others.
parts as (
  select
    account_id,
    'hour' as source,
    epoch_us(bucket_start) // 86400000000 as day_number,
    aggregated_value,
    null::bigint as hours_known,
    null::timestamptz as read_at
  from ai_gateway_billing.usage_hourly
  union all
  select
    account_id,
    'day',
    epoch_us(bucket_start) // 86400000000,
    aggregated_value,
    null,
    null
  from ai_gateway_billing.usage_daily
  union all
  select
    account_id,
    "grouping",
    epoch(day)::bigint // 86400,
    null,
    epoch(read_until)::bigint // 3600 - epoch(day)::bigint // 86400 * 24,
    read_at
  from ai_gateway_billing.usage_coverage
),
sources as (
  select
    account_id,
    source,
    day_number,
    sum(spend.amount(aggregated_value * accounts.major_per_usage_unit)) as amount,
    coalesce(max(hours_known), 0) as hours_known,
    max(read_at) as read_at
  from parts
  join spend.accounts using (account_id)
  group by account_id, source, day_number
)
select
  account_id,
  date '1970-01-01' + day_number::integer as day,
  source,
  coalesce(amount, 0) as amount,
  amount is not null as has_usage,
  hours_known,
  hours_known = 24 as is_complete,
  read_at
from sources
-- A day that is known has been read. Asked for here, so that all who read days share one plan of them.
where amount is not null or hours_known > 0 and read_at is not null;
