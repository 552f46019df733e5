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
    any_value(sources) filter (where source = 'hour') as by_hour,
    any_value(sources) filter (where source = 'day') as by_day
  from spend.daily_sources as sources
  group by account_id, day
),
chosen as (
  select
    account_id,
    day,
    case
      when by_hour is null then true
      when by_day is null then false
      when by_hour.is_complete <> by_day.is_complete then by_day.is_complete
      when by_hour.read_at is null then by_day.read_at is not null
      else coalesce(epoch(by_day.read_at) - epoch(by_hour.read_at) > 3600, false)
    end as takes_day,
    case when takes_day then by_day else by_hour end as source
  from both_sources
)
select
  account_id,
  chosen.day,
  accounts.currency,
  chosen.source.amount as amount,
  chosen.source.source as source,
  chosen.source.has_usage as has_usage,
  chosen.source.hours_known as hours_known,
  chosen.source.is_complete as is_complete,
  chosen.source.is_complete
    and epoch(chosen.source.read_at) >= epoch(chosen.day) + 86400 + spend.late_seconds() as is_final,
  accounts.currency_is_assumed
from chosen
join spend.accounts using (account_id);
