-- spend.monthly: one row per account and UTC calendar month. Safe to sum over months, not over currencies; add to no other view.
-- account_id: Cloudflare account id
-- month: first UTC day of the month
-- currency: ISO 4217 code, upper case
-- amount: spend of the month's known days in major units; of the running month, what is known so far
-- days_known: days of the month that spend.daily knows, the running one included
-- days_in_month: days of the calendar month
-- is_complete: every day of the month has ended and was read completely
-- is_final: every day of the month is final: the amount will not change
-- currency_is_assumed: true when the API names no currency for the account
create or replace view spend.monthly as
with months as (
  select
    account_id,
    date_trunc('month', day)::date as month,
    currency,
    sum(amount) as amount,
    count(*) as days_known,
    count(*) filter (where is_complete) as days_complete,
    count(*) filter (where is_final) as days_final,
    currency_is_assumed
  from spend.daily
  group by all
)
select
  account_id,
  month,
  currency,
  amount,
  days_known,
  day(last_day(month)) as days_in_month,
  days_complete = days_in_month as is_complete,
  days_final = days_in_month as is_final,
  currency_is_assumed
from months;
