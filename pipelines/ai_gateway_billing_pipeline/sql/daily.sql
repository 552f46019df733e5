-- spend.daily: one row per account and UTC day. Safe to sum over days, not over currencies; never add it to hourly.
-- account_id: Cloudflare account id
-- day: UTC day
-- currency: ISO 4217 code, upper case
-- amount: spend of the day in major units, exact; of the running day, what is known of it so far
-- source: `hour` when it is the sum of spend.hourly, `day` when only the API's daily figure is known or is fresher
-- has_usage: true when the API gave a bucket for the day, false when it proved silent
-- hours_known: how many hours of the day had ended when it was read, and were read completely
-- is_complete: the day had ended when it was read, and it was read completely
-- is_final: complete, and read again at the end of the 35 days in which late events may come: it will not change
-- currency_is_assumed: true when the API names no currency for the account
--
-- The two usage tables tell the same money, so each day is taken from one of them: from that read completely, else from
-- the hours, unless the day's figure was read at least an hour later, which means by a later load.
create or replace view spend.daily as
with chosen as (
  select *
  from spend.daily_sources
  qualify row_number() over (
    partition by account_id, day
    order by is_complete desc, epoch(read_at) - if(source = 'hour', 0, 3600) desc nulls last, source desc
  ) = 1
)
select
  account_id,
  chosen.day,
  accounts.currency,
  chosen.amount,
  chosen.source,
  chosen.has_usage,
  chosen.hours_known,
  chosen.is_complete,
  chosen.is_complete
    and epoch(chosen.read_at) >= epoch(chosen.day) + 35 * 86400
    and epoch(accounts.as_of) >= epoch(chosen.day) + 36 * 86400 as is_final,
  accounts.currency_is_assumed
from chosen
join spend.accounts using (account_id);
