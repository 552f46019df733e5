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
pieces as (
  select
    hourly.account_id,
    (hour at time zone zone)::date as local_day,
    hourly.currency,
    hourly.amount,
    1 as hours,
    hourly.is_complete,
    hourly.is_final,
    false as is_utc_day
  from spend.hourly
  join spend.daily on daily.account_id = hourly.account_id and daily.day = hourly.day and daily.source = 'hour'
  union all
  select
    account_id,
    day as local_day,
    currency,
    amount,
    0 as hours,
    is_complete,
    is_final,
    true as is_utc_day
  from spend.daily
  where source = 'day'
),
days as (
  select
    account_id,
    local_day,
    currency,
    sum(amount) as amount,
    sum(hours) as hours_known,
    count(*) filter (where is_complete and not is_utc_day) as hours_complete,
    count(*) filter (where is_final and not is_utc_day) as hours_final,
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
