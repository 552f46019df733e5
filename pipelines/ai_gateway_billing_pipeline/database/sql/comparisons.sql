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
    sum(by_hour) as usage,
    sum(by_day) as amount,
    24 * count(*) as hours_long,
    24 * count(*) as hours_known
  from (
    select
      account_id,
      day,
      sum(amount) filter (where source = 'hour') as by_hour,
      sum(amount) filter (where source = 'day') as by_day
    from spend.daily_sources
    where is_complete
    group by account_id, day
    having count(*) = 2
  )
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
    models.account_id,
    models.billing_month as month,
    unnest(['preview_gross', 'preview_net']) as place,
    any_value(previews.period_start) at time zone 'UTC' as from_at,
    any_value(previews.observed_at) at time zone 'UTC' as until_at,
    unnest([sum(models.gross), sum(models.net)]) as amount
  from spend.preview_models as models
  join spend.previews using (account_id, billing_month, observed_at)
  join spend.accounts on accounts.account_id = models.account_id and accounts.currency = models.currency
  where models.is_newest and previews.is_newest
  group by models.account_id, models.billing_month
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
-- The newest known day up to each end of a span; `seconds`: how much of it had passed.
placed as (
  select
    ends.*,
    days.day,
    days.source,
    days.amount as day_amount,
    days.amount_before,
    days.hours_before,
    days.hours_known,
    least(date_diff('second', days.day::timestamp, ends.moment), 86400) as seconds
  from (
    select *, unnest([from_at, until_at]) as moment, unnest([false, true]) as is_end
    from spans
  ) as ends
  asof left join days on days.account_id = ends.account_id and days.day <= ends.moment
),
within_days as (
  select
    placed.*,
    epoch_us(hours.bucket_start) // 1000000 - epoch(placed.day)::bigint as started,
    spend.amount(hours.aggregated_value * accounts.major_per_usage_unit) as hour_amount,
    case when started < placed.hours_known * 3600 then least(placed.seconds - started, 3600) else 3600 end as passed
  from placed
  join spend.accounts using (account_id)
  left join ai_gateway_billing.usage_hourly as hours
    on hours.account_id = placed.account_id
    and epoch_us(hours.bucket_start) // 86400000000 = epoch(placed.day)::bigint // 86400
    and epoch_us(hours.bucket_start) // 1000000 - epoch(placed.day)::bigint < placed.seconds
    and placed.seconds < 86400
    and placed.source = 'hour'
),
usage_at as (
  select
    account_id,
    month,
    place,
    is_end,
    any_value(from_at) as from_at,
    any_value(until_at) as until_at,
    any_value(amount) as amount,
    any_value(paid) as paid,
    any_value(largest) as largest,
    any_value(amount_before) + coalesce(sum(
      case
        when seconds = 86400 then day_amount -- the sum of its hours, where it is taken from them
        when source = 'hour' and passed = 3600 then hour_amount
        when source = 'hour' then (hour_amount * passed / 3600)::decimal(22, 6)
        when hours_known < 24 then day_amount
        else (day_amount * seconds / 86400)::decimal(22, 6)
      end
    ), 0) as usage,
    any_value(hours_before + least(hours_known, seconds / 3600)) as hours
  from within_days
  group by account_id, month, place, is_end
),
measured as (
  select
    account_id,
    month,
    place,
    any_value(from_at) as from_at,
    any_value(until_at) as until_at,
    any_value(amount) as amount,
    any_value(paid) as paid,
    any_value(largest) as largest,
    any_value(usage) filter (where is_end) - coalesce(any_value(usage) filter (where not is_end), 0) as usage,
    date_diff('second', any_value(from_at), any_value(until_at)) / 3600 as hours_long,
    any_value(hours) filter (where is_end) - coalesce(any_value(hours) filter (where not is_end), 0) as hours_known
  from usage_at
  group by account_id, month, place
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
