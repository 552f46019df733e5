-- spend.hourly: one row per account and UTC hour. Safe to sum over hours, not over currencies; never add it to daily.
-- account_id: Cloudflare account id
-- hour: start of the hour, inclusive, UTC
-- day: UTC day of the hour
-- currency: ISO 4217 code, upper case
-- amount: spend of the hour in major units; 0 where the load proved that the hour was silent
-- has_usage: true when the API gave a bucket for the hour, false when it proved silent
-- is_complete: the hour had ended when it was read, and it was read completely
-- is_final: complete, and read again after the 35 days in which late events may come: it will not change
-- currency_is_assumed: true when the API names no currency for the account
--
-- Hours that were never read completely and hold no bucket are unknown: they have no row.
-- Hours are counted from 1970 in here, which no session's time zone touches and which is much faster than dates.
create or replace view spend.hourly as
with
-- No join but a union, so that whoever asks for an account or a day does not read the others.
parts as (
  select
    account_id,
    epoch_us(bucket_start) // 3600000000 as hour_number,
    aggregated_value,
    null::double as read_at
  from ai_gateway_billing.usage_hourly
  union all
  select
    account_id,
    unnest(range(epoch(day)::bigint // 3600, epoch(read_until)::bigint // 3600)),
    null,
    epoch(read_at)
  from ai_gateway_billing.usage_coverage
  where "grouping" = 'hour'
),
hours as (
  select
    account_id,
    hour_number,
    sum(spend.amount(aggregated_value * accounts.major_per_usage_unit)) as amount,
    max(read_at) as read_at
  from parts
  join spend.accounts using (account_id)
  group by account_id, hour_number
)
select
  account_id,
  make_timestamptz(hour_number * 3600000000) as hour,
  date '1970-01-01' + (hour_number // 24)::integer as day,
  accounts.currency,
  coalesce(hours.amount, 0) as amount,
  hours.amount is not null as has_usage,
  hours.read_at is not null as is_complete,
  coalesce((hour_number + 1) * 3600 + spend.late_seconds() <= hours.read_at, false) as is_final,
  accounts.currency_is_assumed
from hours
join spend.accounts using (account_id);
