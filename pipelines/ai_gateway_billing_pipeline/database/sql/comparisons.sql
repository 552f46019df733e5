-- spend.comparisons: one row per account, UTC month and place where the API reports the same money again. Sum nothing: all rows are the same money.
-- account_id: Cloudflare account id
-- month: first UTC day of the month
-- currency: ISO 4217 code, upper case: the account's; previews and invoices in others are left out
-- place: what usage is compared with: `daily`, `estimate`, `preview_gross`, `preview_net`, `balance` or `invoices`
-- from_at: start of the time that both sides span, UTC
-- until_at: its end, UTC
-- usage: spend by hours in that time, in major units by the unit that is set
-- amount: what the place says, in major units
-- ratio: amount by usage; NULL without usage
-- deviation: their difference by the larger of them, in per cent
-- finding: `agrees`, `differs`, `unit error`, or NULL where the comparison proves nothing
--
-- daily: the API's daily figures, over the days that are known completely by hours and by days; agrees within 1 %.
-- estimate: the analytics' estimate in dollars, over the complete days that have one. It is sampled, so it agrees within
-- 20 %, and proves nothing else but a unit error.
-- preview_gross, preview_net: the lines of the month's newest preview, from the period's start to when it was first
-- seen.
-- balance: the drop between the versions of the balance in the month, with top-ups added back as spend.balance knows
-- them.
-- invoices: credit bought by the month's paid purchases, the fee of 5 % taken off. It is bought ahead of usage, so
-- only from three invoices on does it prove anything: that it agrees when it is as near as the largest invoice, or a
-- unit error.
-- The others agree within 5 %. Nothing is proved by amounts that are both below 100 minor units, by less than a day,
-- or where less than 98 % of the hours are known, except a unit error: a ratio of 50 to 200, or of 1/200 to 1/50.
-- A running hour counts in proportion. Ratios and shares are calculated in floating point and rounded, amounts are
-- not.
create or replace view spend.comparisons as
with
days as (
  select
    *,
    sum(amount) over until_now - amount as amount_before,
    sum(hours_known) over until_now - hours_known as hours_before
  from spend.daily
  window until_now as (partition by account_id order by day rows unbounded preceding)
),
daily as (
  select
    account_id,
    date_trunc('month', day)::date as month,
    'daily' as place,
    min(day)::timestamp as from_at,
    max(day) + interval 1 day as until_at,
    sum(by_hour.amount) as usage,
    sum(by_day.amount) as amount,
    24 * count(*) as hours_long,
    24 * count(*) as hours_known
  from spend.daily_sources as by_hour
  join spend.daily_sources as by_day using (account_id, day)
  where by_hour.source = 'hour' and by_day.source = 'day' and by_hour.is_complete and by_day.is_complete
  group by account_id, date_trunc('month', day)
),
estimate as (
  select
    account_id,
    date_trunc('month', starts)::date as month,
    'estimate' as place,
    min(starts)::timestamp as from_at,
    max(starts) + interval 1 day as until_at,
    sum(billed) as usage,
    sum(estimate_usd) as amount,
    24 * count(*) as hours_long,
    24 * count(*) as hours_known
  from spend.estimate_vs_bill
  where period = 'day' and currency = 'USD'
  group by account_id, date_trunc('month', starts)
),
previews as (
  select
    by_model.account_id,
    by_model.billing_month as month,
    unnest(['preview_gross', 'preview_net']) as place,
    any_value(previews.period_start) at time zone 'UTC' as from_at,
    any_value(previews.observed_at) at time zone 'UTC' as until_at,
    unnest([sum(by_model.gross), sum(by_model.net)]) as amount
  from spend.by_model
  join spend.accounts using (account_id, currency)
  join spend.previews using (account_id, billing_month)
  where previews.is_newest
  group by by_model.account_id, by_model.billing_month
),
balance_steps as (
  select
    account_id,
    valid_from,
    lag(valid_from) over (partition by account_id order by valid_from) as previous_from,
    drawdown
  from spend.balance
),
balances as (
  select
    account_id,
    date_trunc('month', valid_from at time zone 'UTC')::date as month,
    'balance' as place,
    min(previous_from) at time zone 'UTC' as from_at,
    max(valid_from) at time zone 'UTC' as until_at,
    sum(drawdown) as amount
  from balance_steps
  where drawdown is not null
  group by all
),
invoices as (
  select
    invoices.account_id,
    invoices.month,
    'invoices' as place,
    invoices.month::timestamp as from_at,
    least(any_value(accounts.as_of) at time zone 'UTC', invoices.month + interval 1 month) as until_at,
    spend.credit_bought(sum(invoices.amount_paid)) as amount,
    count(*) as paid,
    max(invoices.amount_paid) as largest
  from spend.invoices
  join spend.accounts using (account_id, currency)
  where invoices.amount_paid > 0 and invoices.is_purchase
  group by invoices.account_id, invoices.month
),
spans as (
  select account_id, month, place, from_at, until_at, amount, null as paid, null as largest from previews
  union all
  select account_id, month, place, from_at, until_at, amount, null, null from balances
  union all
  select account_id, month, place, from_at, until_at, amount, paid, largest from invoices
),
moments as (
  select account_id, from_at as moment from spans
  union
  select account_id, until_at from spans
),
-- The newest known day up to each moment; `seconds`: how much of it had passed.
placed as (
  select
    moments.account_id,
    moments.moment,
    days.day,
    days.source,
    days.amount,
    days.amount_before,
    days.hours_before,
    days.hours_known,
    least(date_diff('second', days.day::timestamp, moments.moment), 86400) as seconds
  from moments
  asof join days on days.account_id = moments.account_id and days.day <= moments.moment
),
within_hours as (
  select
    placed.account_id,
    placed.moment,
    epoch_us(usage.bucket_start) // 1000000 - epoch(placed.day)::bigint as started,
    spend.amount(usage.aggregated_value * accounts.major_per_usage_unit) as amount,
    case when started < placed.hours_known * 3600 then least(placed.seconds - started, 3600) else 3600 end as passed
  from placed
  join ai_gateway_billing.usage_hourly as usage
    on usage.account_id = placed.account_id
    and epoch_us(usage.bucket_start) // 86400000000 = epoch(placed.day)::bigint // 86400
  join spend.accounts on accounts.account_id = placed.account_id
  where placed.source = 'hour' and started < placed.seconds
),
within_day as (
  select
    account_id,
    moment,
    sum(case when passed = 3600 then amount else (amount * passed / 3600)::decimal(22, 6) end) as amount
  from within_hours
  group by all
  union all
  select
    account_id,
    moment,
    case
      when hours_known < 24 or seconds = 86400 then amount
      else (amount * seconds / 86400)::decimal(22, 6)
    end as amount
  from placed
  where source = 'day'
),
usage_at as (
  select
    account_id,
    moment,
    placed.amount_before + coalesce(within_day.amount, 0) as usage,
    placed.hours_before + least(placed.hours_known, placed.seconds / 3600) as hours
  from placed
  left join within_day using (account_id, moment)
),
measured as (
  select
    spans.*,
    ended.usage - coalesce(began.usage, 0) as usage,
    date_diff('second', from_at, until_at) / 3600 as hours_long,
    ended.hours - coalesce(began.hours, 0) as hours_known
  from spans
  left join usage_at as began on began.account_id = spans.account_id and began.moment = from_at
  left join usage_at as ended on ended.account_id = spans.account_id and ended.moment = until_at
  union all by name
  select *
  from daily
  union all by name
  select *
  from estimate
),
compared as (
  select
    measured.*,
    accounts.currency,
    amount / nullif(usage, 0) as ratio,
    abs(amount - usage) / nullif(greatest(abs(amount), abs(usage)), 0) as deviation,
    greatest(abs(amount), abs(usage)) >= 100 * accounts.major_per_minor and (paid is null or paid >= 3) as is_telling,
    hours_long >= 24 and hours_known >= 0.98 * hours_long as is_covered
  from measured
  join spend.accounts using (account_id)
)
select
  account_id,
  month,
  currency,
  place,
  from_at at time zone 'UTC' as from_at,
  until_at at time zone 'UTC' as until_at,
  usage,
  amount,
  try_cast(ratio as decimal(18, 4)) as ratio,
  (100 * deviation)::decimal(9, 1) as deviation,
  case
    when is_telling and (ratio between 50 and 200 or ratio between 0.005 and 0.02) then 'unit error'
    when not is_telling or not is_covered or usage is null then null
    when place = 'estimate' then case when ratio between 0.8 and 1.25 then 'agrees' end
    when place = 'invoices' then case when abs(amount - usage) <= largest then 'agrees' end
    when deviation <= case when place = 'daily' then 0.01 else 0.05 end then 'agrees'
    else 'differs'
  end as finding
from compared;
