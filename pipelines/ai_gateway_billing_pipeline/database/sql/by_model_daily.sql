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
    lag(observed_at) over in_turn as previous_at,
    max(case when is_newest then period_end end) over whole as newest_end
  from spend.previews
  where is_day_end
  window
    whole as (partition by account_id, billing_month),
    in_turn as (partition by account_id, billing_month order by observed_at)
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
observations as (
  select
    account_id,
    billing_month,
    observed_at,
    {
      'observed_at': observed_at,
      'day': day,
      'days_spanned': days_spanned,
      'is_reopened': is_reopened,
      'from_at': from_at,
      'until_at': greatest(least(observed_at, period_end), from_at),
      'newest_end': newest_end
    } as seen
  from begun
),
followed as (
  select
    *,
    lead(seen) over (partition by account_id, billing_month order by observed_at) as next_seen
  from observations
),
-- What a preview shows is added on its day and taken away on the next one's, where it stands in that one's amounts.
steps as (
  select
    account_id,
    billing_month,
    case when is_shown then seen else next_seen end as seen,
    currency,
    model,
    provider,
    case when is_shown then gross else -gross end as gross,
    case when is_shown then credits else -credits end as credits,
    case when is_shown then gross else 0 end as gross_to_date,
    case when is_shown then credits else 0 end as credits_to_date
  from (from spend.preview_models where is_day_end)
  join followed using (account_id, billing_month, observed_at)
  cross join (values (true), (false)) as ways (is_shown)
  where is_shown or next_seen is not null
),
added as (
  select
    account_id,
    billing_month,
    seen.observed_at as observed_at,
    currency,
    model,
    any_value(provider) as provider,
    sum(gross) as gross,
    sum(credits) as credits,
    sum(gross_to_date) as gross_to_date,
    sum(credits_to_date) as credits_to_date,
    any_value(seen.day) as day,
    any_value(seen.days_spanned) as days_spanned,
    any_value(seen.is_reopened) as is_reopened,
    any_value(seen.from_at) as from_at,
    any_value(seen.until_at) as until_at,
    any_value(seen.newest_end) as newest_end
  from steps
  group by account_id, billing_month, seen.observed_at, currency, model
),
-- As spend.hourly, without the silent hours.
hours as (
  select
    account_id,
    date '1970-01-01' + (hour_number // 24)::integer as day,
    hour_number * 3600 as began,
    sum(spend.amount(aggregated_value * accounts.major_per_usage_unit)) as amount
  from (
    select
      account_id,
      epoch_us(bucket_start) // 3600000000 as hour_number,
      aggregated_value
    from ai_gateway_billing.usage_hourly
  )
  join spend.accounts using (account_id)
  group by account_id, hour_number
),
spans as (
  select
    account_id,
    billing_month,
    observed_at,
    any_value(from_at) as from_at,
    any_value(until_at) as until_at,
    sum(added.gross) filter (where added.currency = accounts.currency) as gross
  from added
  join spend.accounts using (account_id)
  group by account_id, billing_month, observed_at
),
spanned as (
  select
    *,
    epoch(from_at) as began,
    epoch(until_at) as ended,
    unnest(generate_series(
      date_trunc('day', from_at at time zone 'UTC'),
      greatest(until_at at time zone 'UTC' - interval 1 microsecond, from_at at time zone 'UTC'),
      interval 1 day
    ))::date as day
  from spans
),
-- On each day of a span, what was used in it: of a day that hours are known of by these, silent ones as nothing.
used_in as (
  select
    spanned.*,
    coalesce(hours.began, epoch(spanned.day)) as usage_began,
    case when hours.began is null then 86400 else 3600 end as usage_seconds,
    case when daily.source = 'hour' then coalesce(hours.amount, 0) else daily.amount end as amount
  from spanned
  left join spend.daily on daily.account_id = spanned.account_id and daily.day = spanned.day
  left join hours on hours.account_id = spanned.account_id and hours.day = spanned.day and daily.source = 'hour'
),
weighed as (
  select
    account_id,
    billing_month,
    observed_at,
    gross,
    day,
    least(ended, epoch(day) + 86400) - greatest(began, epoch(day)) as seconds,
    sum(
      case when amount is not null then greatest(amount, 0)::double / usage_seconds * greatest(
        0,
        least(ended, usage_began + usage_seconds) - greatest(began, usage_began)
      ) end
    ) as used
  from used_in
  group by all
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
  window step as (partition by account_id, billing_month, observed_at)
),
shares as (
  select
    account_id,
    billing_month,
    observed_at,
    day,
    count(*) over step > 1 as is_estimate,
    day = max(day) over step as is_last,
    case
      when sum(weight) over step > 0 then coalesce(sum(weight) over until_day, 0) / sum(weight) over step
      else sum(seconds) over until_day / nullif(sum(seconds) over step, 0)
    end as share_until
  from weights
  window
    step as (partition by account_id, billing_month, observed_at),
    until_day as (partition by account_id, billing_month, observed_at order by day)
),
between_days as (
  select
    *,
    lag(share_until) over (partition by account_id, billing_month, observed_at order by day) as share_before
  from shares
),
parts as (
  select
    added.account_id,
    added.billing_month,
    added.newest_end,
    added.currency,
    added.model,
    added.provider,
    shares.day,
    shares.is_estimate,
    case
      when shares.is_last then added.gross
      else (added.gross::double * shares.share_until)::decimal(22, 6)
    end - coalesce((added.gross::double * shares.share_before)::decimal(22, 6), 0) as part
  from added
  join between_days as shares using (account_id, billing_month, observed_at)
),
-- What a preview added, in the row of its day; what days have of it, in theirs.
rows as (
  from added
  union all by name
  select
    account_id,
    billing_month,
    newest_end,
    day,
    currency,
    model,
    provider,
    part as gross_allocated,
    is_estimate
  from parts
  where part <> 0
),
days as (
  select
    account_id,
    billing_month,
    day,
    currency,
    model,
    any_value(provider) as provider,
    any_value(gross) as gross,
    any_value(credits) as credits,
    any_value(gross_to_date) as gross_to_date,
    any_value(credits_to_date) as credits_to_date,
    any_value(observed_at) as observed_at,
    any_value(days_spanned) as days_spanned,
    any_value(is_reopened) as is_reopened,
    any_value(from_at) as from_at,
    any_value(until_at) as until_at,
    any_value(newest_end) as newest_end,
    sum(gross_allocated) as gross_allocated,
    bool_or(is_estimate) as is_estimate
  from rows
  group by account_id, billing_month, day, currency, model
)
select
  account_id,
  billing_month,
  day,
  days.currency,
  model,
  provider,
  coalesce(gross, 0) as gross,
  coalesce(credits, 0) as credits,
  coalesce(gross - credits, 0) as net,
  gross_to_date,
  credits_to_date,
  gross_to_date - credits_to_date as net_to_date,
  observed_at,
  days_spanned,
  coalesce(gross < 0 or gross < credits, false) as is_decrease,
  coalesce(is_reopened, false) as is_reopened,
  epoch(accounts.as_of) >= epoch(newest_end) + spend.late_seconds() as is_final,
  from_at,
  until_at,
  coalesce(gross_allocated, 0) as gross_allocated,
  coalesce(is_estimate, false) as is_estimate
from days
join spend.accounts using (account_id);
