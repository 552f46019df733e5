-- spend.daily_in(zone): one row per account and day of a time zone, such as `from spend.daily_in('Europe/Berlin')`. Sums as spend.daily does, to the same total: safe over days, not over currencies.
-- account_id: Cloudflare account id
-- day: calendar day in the zone
-- currency: ISO 4217 code, upper case
-- amount: spend of the day in major units
-- hours_known: hours of the day that are known
-- is_complete: every hour of the day has ended and was read completely
-- is_final: every hour of the day is final
-- has_utc_day: true when the amount contains a UTC day whose hours are not known and which cannot be divided
--
-- An hour belongs to the day in which it starts; that matters in zones half an hour off. Where spend.daily knows a
-- day only as a whole, it stays whole under its UTC date, so that the sum over all days is that of spend.daily.
create or replace macro spend.daily_in(zone) as table
with
-- Usage and coverage as in spend.hourly, but put together by day only: each hour is a bit there, so that it counts once.
hours as (
  select
    account_id,
    epoch_us(bucket_start) // 3600000000 as hour_number,
    spend.amount(aggregated_value * accounts.major_per_usage_unit) as amount,
    null::double as read_at
  from ai_gateway_billing.usage_hourly
  join spend.accounts using (account_id)
  union all
  select
    account_id,
    unnest(range(epoch(day)::bigint // 3600, epoch(read_until)::bigint // 3600)),
    null,
    epoch(read_at)
  from ai_gateway_billing.usage_coverage
  where "grouping" = 'hour'
),
-- Asked once for an hour, not for each account's.
local_days as (
  select
    hour_number,
    (make_timestamptz(hour_number * 3600000000) at time zone zone)::date as local_day
  from (
    select unnest(range(min(first_hour), max(last_hour) + 1)) as hour_number
    from (
      select
        epoch_us(min(bucket_start)) // 3600000000 as first_hour,
        epoch_us(max(bucket_start)) // 3600000000 as last_hour
      from ai_gateway_billing.usage_hourly
      union all
      select
        epoch(min(day))::bigint // 3600,
        epoch(max(read_until))::bigint // 3600
      from ai_gateway_billing.usage_coverage
    )
  )
),
-- The outer joins keep the one of days the smaller side.
pieces as (
  select
    daily.account_id,
    coalesce(local_days.local_day, daily.day) as local_day,
    daily.currency,
    case when daily.source = 'hour' then hours.amount else daily.amount end as amount,
    1::bigint << (hour_number % 32) as hour_bit,
    hours.read_at is not null as is_complete,
    (hour_number + 1) * 3600 + spend.late_seconds() <= hours.read_at as is_final,
    daily.source = 'day' as is_utc_day
  from spend.daily
  left join hours
    on hours.account_id = daily.account_id
    and hours.hour_number // 24 = epoch(daily.day)::bigint // 86400
    and daily.source = 'hour'
  left join local_days using (hour_number)
),
days as (
  select
    account_id,
    local_day,
    currency,
    coalesce(sum(amount), 0) as amount,
    bit_count(coalesce(bit_or(hour_bit), 0)) as hours_known,
    bit_count(coalesce(bit_or(hour_bit) filter (where is_complete), 0)) as hours_complete,
    bit_count(coalesce(bit_or(hour_bit) filter (where is_final), 0)) as hours_final,
    bool_or(is_utc_day) as has_utc_day,
    (epoch((local_day + interval 1 day) at time zone zone) - epoch(local_day::timestamp at time zone zone)) / 3600
      as hours_long
  from pieces
  group by account_id, local_day, currency
)
select
  account_id,
  local_day as day,
  currency,
  amount,
  hours_known::bigint as hours_known,
  hours_complete >= hours_long as is_complete,
  hours_final >= hours_long as is_final,
  has_utc_day
from days;
