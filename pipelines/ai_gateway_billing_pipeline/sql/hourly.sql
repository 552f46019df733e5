-- spend.hourly: one row per account and UTC hour. Safe to sum over hours, not over currencies; never add it to daily.
-- account_id: Cloudflare account id
-- hour: start of the hour, inclusive, UTC
-- day: UTC day of the hour
-- currency: ISO 4217 code, upper case
-- amount: spend of the hour in major units, exact; 0 where the load proved that the hour was silent
-- has_usage: true when the API gave a bucket for the hour, false when it proved silent
-- is_complete: the hour had ended when it was read, and it was read completely
-- is_final: complete, and read again at the end of the 35 days in which late events may come: it will not change
-- currency_is_assumed: true when the API names no currency for the account
--
-- Hours that were never read completely and hold no bucket are unknown: they have no row.
create or replace view spend.hourly as
with
covered as (
  select
    account_id,
    unnest(generate_series(
      day::timestamp,
      (read_until at time zone 'UTC') - interval 1 hour,
      interval 1 hour
    )) as hour,
    read_at at time zone 'UTC' as read_at
  from ai_gateway_billing.usage_coverage
  where "grouping" = 'hour'
),
used as (
  select
    account_id,
    bucket_start at time zone 'UTC' as hour,
    sum(aggregated_value) as usage
  from ai_gateway_billing.usage_hourly
  group by all
)
select
  account_id,
  hour at time zone 'UTC' as hour,
  hour::date as day,
  accounts.currency,
  (coalesce(used.usage, 0)::decimal(38, 18) * accounts.major_per_usage_unit)::decimal(38, 20) as amount,
  used.usage is not null as has_usage,
  covered.read_at is not null as is_complete,
  coalesce(
    covered.read_at >= hour::date + interval 35 days
    and accounts.as_of at time zone 'UTC' >= hour + interval '1 hour' + interval 35 days,
    false
  ) as is_final,
  accounts.currency_is_assumed
from covered
full join used using (account_id, hour)
join spend.accounts using (account_id);
