-- spend.by_model_daily: one row per account, billing month, day and model: what the day added. Safe to sum over days and models, to spend.by_model; not over currencies. Sum gross or gross_allocated, never both.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts; days of a re-opened month may lie after it
-- day: UTC day whose last preview showed the amounts, or a day that an allocation reaches
-- currency: ISO 4217 code, upper case
-- model: what the line's description names, such as `openai/gpt-5.5`; the description itself where it names none
-- provider: what stands before the model's first slash; `workers-ai` for names that begin with @; NULL without a slash
-- gross: major units between from_at and until_at, before credits; negative when the API took something back; 0 without a preview
-- credits: major units that this time added to the credits
-- net: gross minus credits
-- gross_to_date: major units, the billing period until then; NULL on a day without a preview, as are the next two
-- credits_to_date: major units, the billing period until then
-- net_to_date: major units, the billing period until then
-- observed_at: when the day's last preview was first seen, UTC; NULL on a day without one
-- days_spanned: days since the preview before, or since the period's start; above 1, days without a load are in the amounts
-- is_decrease: the month's gross or net amount of the model went down
-- is_reopened: the preview showed this month again after it had shown a later one
-- is_final: the late-event horizon of 35 days after the period is over
-- from_at: start of the time that gross, credits and net cover, UTC; NULL on a day without a preview
-- until_at: its end, exclusive, UTC
-- gross_allocated: major units of this UTC day: its part of every gross amount whose time reaches into it
-- is_estimate: gross_allocated is in part a share of an amount that covers more than one UTC day
--
-- The API shows only the running month, and no days. So each day's last preview is compared with the last one before
-- it; the first of a month with zero. A model that a preview no longer lists counts as zero from then on. Loads do not
-- run at midnight, so these amounts cover from_at to until_at and not the UTC day: for days, take gross_allocated.
-- It divides each amount over the UTC days it covers, all models alike, in proportion to spend.hourly, or to spend.daily
-- where only that knows a day. Days of unknown usage share by time what the known usage leaves of the amount; if there is
-- no usage at all, all days share by time. What a preview adds after the end of its period counts towards the whole
-- period if the one before it came after the end too.
-- Shares are calculated in floating point and rounded to 6 digits; the last day takes the rest, so that the days of a
-- month add up to spend.by_model exactly.
create or replace view spend.by_model_daily as
with
day_ends as (
  select
    *,
    (observed_at at time zone 'UTC')::date as day,
    row_number() over in_turn as number,
    lag(observed_at) over in_turn as previous_at
  from spend.previews
  where is_day_end
  window in_turn as (partition by account_id, billing_month order by observed_at)
),
begun as (
  select
    *,
    date_diff('day', coalesce(
      (previous_at at time zone 'UTC')::date,
      least((period_start at time zone 'UTC')::date, day) - 1
    ), day) as days_spanned,
    case
      when previous_at >= period_end then period_start
      else least(greatest(coalesce(previous_at, period_start), period_start), observed_at)
    end as from_at
  from day_ends
),
-- A month in a row, with a list of its previews: to group rows of every preview, day and model takes far longer.
months as (
  select
    account_id,
    billing_month,
    max(case when is_newest then period_end end) as newest_end,
    list(
      {
        'number': number,
        'observed_at': observed_at,
        'day': day,
        'days_spanned': days_spanned,
        'is_reopened': is_reopened,
        'from_at': from_at,
        'until_at': greatest(least(observed_at, period_end), from_at)
      }
      order by number
    ) as previews
  from begun
  group by account_id, billing_month
),
observations as (
  select
    account_id,
    billing_month,
    unnest(previews) as seen
  from months
),
models as (
  select
    account_id,
    billing_month,
    observed_at,
    currency,
    model,
    provider,
    gross,
    credits
  from spend.preview_models
  where is_day_end
),
histories as (
  select
    account_id,
    billing_month,
    currency,
    model,
    any_value(provider) as provider,
    list({'observed_at': observed_at, 'gross': gross, 'credits': credits}) as amounts
  from models
  group by account_id, billing_month, currency, model
),
-- What each preview of the month shows of the model; NULL where it does not list it, which counts as zero.
shown as (
  select
    account_id,
    billing_month,
    newest_end,
    previews,
    currency,
    model,
    provider,
    [amounts[list_position(moments, preview.observed_at)] for preview in previews] as shown
  from (
    select
      *,
      [amount.observed_at for amount in amounts] as moments
    from histories
  )
  join months using (account_id, billing_month)
),
added as (
  select
    *,
    [
      coalesce(shown[number].gross, 0) - coalesce(shown[number - 1].gross, 0)
      for number in range(1, len(shown) + 1)
    ] as added
  from shown
),
buckets as (
  select
    account_id,
    epoch_us(bucket_start) // 3600000000 as hour_number,
    spend.amount(aggregated_value * accounts.major_per_usage_unit) as amount
  from ai_gateway_billing.usage_hourly
  join spend.accounts using (account_id)
),
-- As spend.hourly, without the silent hours; buckets of one hour make a difference only where some are negative.
hours as (
  select
    account_id,
    date '1970-01-01' + (hour_number // 24)::integer as day,
    list({'began': hour_number * 3600, 'amount': amount}) as parts,
    case
      when min(amount) >= 0 then parts
      else [
        {'began': hour, 'amount': greatest(list_sum([part.amount for part in parts if part.began = hour]), 0)}
        for hour in list_distinct([part.began for part in parts])
      ]
    end as hours
  from buckets
  group by account_id, hour_number // 24
),
spanned as (
  select
    account_id,
    billing_month,
    seen.number as number,
    epoch(seen.from_at) as began,
    epoch(seen.until_at) as ended,
    unnest(generate_series(
      date_trunc('day', seen.from_at at time zone 'UTC'),
      greatest(seen.until_at at time zone 'UTC' - interval 1 microsecond, seen.from_at at time zone 'UTC'),
      interval 1 day
    ))::date as day
  from observations
),
-- On each day of a span, what was used in it: of a day that hours are known of by these, silent ones as nothing.
weighed as (
  select
    spanned.account_id,
    spanned.billing_month,
    spanned.number,
    spanned.day,
    least(ended, epoch(spanned.day) + 86400) - greatest(began, epoch(spanned.day)) as seconds,
    case
      when daily.source = 'hour' then coalesce(list_sum([
        hour.amount * greatest(least(ended, hour.began + 3600) - greatest(began, hour.began), 0)::decimal(10, 6)
        for hour in hours.hours
      ])::double / 3600, 0)
      when daily.amount is not null then greatest(daily.amount, 0)::double / 86400 * greatest(seconds, 0)
    end as used
  from spanned
  left join spend.daily on daily.account_id = spanned.account_id and daily.day = spanned.day
  left join hours on hours.account_id = spanned.account_id and hours.day = spanned.day
),
totals as (
  select
    account_id,
    billing_month,
    observed_at,
    sum(models.gross) filter (where models.currency = accounts.currency) as gross
  from models
  join spend.accounts using (account_id)
  group by account_id, billing_month, observed_at
),
steps as (
  select
    account_id,
    billing_month,
    seen.number as number,
    coalesce(totals.gross, 0) - coalesce(lag(totals.gross) over in_turn, 0) as gross
  from (
    select
      *,
      seen.observed_at as observed_at
    from observations
  )
  left join totals using (account_id, billing_month, observed_at)
  window in_turn as (partition by account_id, billing_month order by observed_at)
),
-- A known day weighs what was used on it; days that nothing is known of share what is then left of the amount, by time.
weights as (
  select
    *,
    coalesce(
      used,
      greatest(gross::double - coalesce(sum(used) over step, 0), 0)
        * seconds / nullif(sum(seconds) filter (where used is null) over step, 0)
    ) as weight
  from weighed
  join steps using (account_id, billing_month, number)
  window step as (partition by account_id, billing_month, number)
),
shares as (
  select
    account_id,
    billing_month,
    number,
    day,
    count(*) over step > 1 as is_estimate,
    day = max(day) over step as is_last,
    case
      when sum(weight) over step > 0 then coalesce(sum(weight) over until_day, 0) / sum(weight) over step
      else sum(seconds) over until_day / nullif(sum(seconds) over step, 0)
    end as share_until
  from weights
  window
    step as (partition by account_id, billing_month, number),
    until_day as (partition by account_id, billing_month, number order by day)
),
-- Each day that is a preview's own or has a share of one: the number of its own preview, and all shares.
days as (
  select
    account_id,
    billing_month,
    day,
    any_value(number) as number,
    list(share) filter (where share is not null) as shares
  from (
    select
      account_id,
      billing_month,
      day,
      {
        'number': number,
        'is_estimate': is_estimate,
        'is_last': is_last,
        'before': lag(share_until) over (partition by account_id, billing_month, number order by day),
        'until': share_until
      } as share
    from shares
    union all by name
    select
      account_id,
      billing_month,
      seen.day as day,
      seen.number as number
    from observations
  )
  group by account_id, billing_month, day
),
months_days as (
  select
    account_id,
    billing_month,
    list({'day': day, 'number': number, 'shares': shares}) as days
  from days
  group by account_id, billing_month
),
model_months as (
  select
    added.*,
    [amount::double for amount in added] as nearly,
    epoch(accounts.as_of) >= epoch(newest_end) + spend.late_seconds() as is_final,
    days
  from added
  join months_days using (account_id, billing_month)
  join spend.accounts using (account_id)
),
-- Apart from the above: DuckDB 1.1 cannot filter what one select both calculates and unnests.
model_days as (
  select
    *,
    unnest(days) as on_day
  from model_months
),
allocated as (
  select
    *,
    shown[on_day.number] as current,
    shown[on_day.number - 1] as previous,
    case when current is not null or previous is not null then previews[on_day.number] end as seen,
    [
      {
        'amount': case
          when share.is_last then added[share.number]
          else (nearly[share.number] * share.until)::decimal(22, 6)
        end - coalesce((nearly[share.number] * share.before)::decimal(22, 6), 0),
        'is_estimate': share.is_estimate
      }
      for share in on_day.shares
    ] as parts
  from model_days
),
days_of_models as (
  select
    *,
    on_day.day as day,
    coalesce(current.gross, 0) - coalesce(previous.gross, 0) as gross,
    coalesce(current.credits, 0) - coalesce(previous.credits, 0) as credits,
    [part for part in parts if part.amount <> 0] as its_parts
  from allocated
)
select
  account_id,
  billing_month,
  day,
  currency,
  model,
  provider,
  gross,
  credits,
  gross - credits as net,
  case when seen is not null then coalesce(current.gross, 0) end as gross_to_date,
  case when seen is not null then coalesce(current.credits, 0) end as credits_to_date,
  gross_to_date - credits_to_date as net_to_date,
  seen.observed_at,
  seen.days_spanned,
  gross < 0 or gross < credits as is_decrease,
  coalesce(seen.is_reopened, false) as is_reopened,
  is_final,
  seen.from_at,
  seen.until_at,
  coalesce(list_sum([part.amount for part in its_parts]), 0) as gross_allocated,
  coalesce(list_bool_or([part.is_estimate for part in its_parts]), false) as is_estimate
from days_of_models
where seen is not null or len(its_parts) > 0;
