-- spend.daily: one row per account and UTC day. Safe to sum over days, not over currencies; never add it to hourly.
-- account_id: Cloudflare account id
-- day: UTC day
-- currency: ISO 4217 code, upper case
-- amount: spend of the day in major units; of the running day, what is known of it so far
-- source: `hour` when it is the sum of spend.hourly, `day` when only the API's daily figure is known or is fresher
-- has_usage: true when the API gave a bucket for the day, false when it proved silent
-- hours_known: how many hours of the day had ended when it was read, and were read completely
-- is_complete: the day had ended when it was read, and it was read completely
-- is_final: complete, and read again after the 35 days in which late events may come: it will not change
-- currency_is_assumed: true when the API names no currency for the account
--
-- The two usage tables contain the same money, so each day is taken from one of them: from that read completely, else from
-- the hours, unless the day's figure was read more than an hour later, which means by a later load.
create or replace view spend.daily as
with
both_sources as (
  select
    account_id,
    day,
    any_value(amount) filter (where source = 'hour') as hour_amount,
    any_value(amount) filter (where source = 'day') as day_amount,
    any_value(has_usage) filter (where source = 'hour') as hour_has_usage,
    any_value(has_usage) filter (where source = 'day') as day_has_usage,
    any_value(hours_known) filter (where source = 'hour') as hour_hours_known,
    any_value(hours_known) filter (where source = 'day') as day_hours_known,
    any_value(is_complete) filter (where source = 'hour') as hour_is_complete,
    any_value(is_complete) filter (where source = 'day') as day_is_complete,
    any_value(epoch(read_at)) filter (where source = 'hour') as hour_read_at,
    any_value(epoch(read_at)) filter (where source = 'day') as day_read_at
  from spend.daily_sources
  group by account_id, day
),
chosen as (
  select
    *,
    case
      when hour_amount is null then true
      when day_amount is null then false
      when hour_is_complete <> day_is_complete then day_is_complete
      when hour_read_at is null then day_read_at is not null
      else coalesce(day_read_at - hour_read_at > 3600, false)
    end as takes_day
  from both_sources
)
select
  account_id,
  chosen.day,
  accounts.currency,
  case when takes_day then day_amount else hour_amount end as amount,
  case when takes_day then 'day' else 'hour' end as source,
  case when takes_day then day_has_usage else hour_has_usage end as has_usage,
  case when takes_day then day_hours_known else hour_hours_known end as hours_known,
  case when takes_day then day_is_complete else hour_is_complete end as is_complete,
  is_complete and case when takes_day then day_read_at else hour_read_at end >= epoch(chosen.day) + 86400 + spend.late_seconds()
    as is_final,
  accounts.currency_is_assumed
from chosen
join spend.accounts using (account_id);
