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
    lead(observed_at) over month as next_observed_at,
    lag(observed_at) over month as previous_at
  from spend.previews
  where is_day_end
  window month as (partition by account_id, billing_month order by observed_at)
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
    *,
    greatest(least(observed_at, period_end), from_at) as until_at
  from begun
),
shown as (
  select
    models.*,
    observations.next_observed_at
  from spend.preview_models as models
  join observations using (account_id, billing_month, observed_at)
  where models.is_day_end
),
-- What a preview shows is added on its day and taken away on the next one's, where it stands in that one's amounts.
steps as (
  select
    account_id,
    billing_month,
    observed_at,
    currency,
    model,
    provider,
    gross,
    credits,
    net,
    gross as gross_to_date,
    credits as credits_to_date,
    net as net_to_date
  from shown
  union all
  select
    account_id,
    billing_month,
    next_observed_at as observed_at,
    currency,
    model,
    provider,
    -gross,
    -credits,
    -net,
    0,
    0,
    0
  from shown
  where next_observed_at is not null
),
added as (
  select
    account_id,
    billing_month,
    observed_at,
    currency,
    model,
    any_value(provider) as provider,
    sum(gross) as gross,
    sum(credits) as credits,
    sum(net) as net,
    sum(gross_to_date) as gross_to_date,
    sum(credits_to_date) as credits_to_date,
    sum(net_to_date) as net_to_date
  from steps
  group by account_id, billing_month, observed_at, currency, model
),
usage as (
  select
    account_id,
    day,
    epoch(hourly.hour) as began,
    3600 as seconds,
    hourly.amount
  from spend.hourly
  join spend.daily using (account_id, day)
  where daily.source = 'hour'
  union all
  select
    account_id,
    day,
    epoch(day) as began,
    86400 as seconds,
    amount
  from spend.daily
  where source = 'day'
),
spanned as (
  select
    account_id,
    billing_month,
    observed_at,
    epoch(from_at) as began,
    epoch(until_at) as ended,
    unnest(generate_series(
      date_trunc('day', from_at at time zone 'UTC'),
      greatest(until_at at time zone 'UTC' - interval 1 microsecond, from_at at time zone 'UTC'),
      interval 1 day
    ))::date as day
  from observations
),
weighed as (
  select
    spanned.account_id,
    spanned.billing_month,
    spanned.observed_at,
    spanned.day,
    least(spanned.ended, epoch(spanned.day) + 86400) - greatest(spanned.began, epoch(spanned.day)) as seconds,
    sum(
      greatest(usage.amount, 0)::double / usage.seconds * greatest(
        0,
        least(spanned.ended, usage.began + usage.seconds) - greatest(spanned.began, usage.began)
      )
    ) as used
  from spanned
  left join usage using (account_id, day)
  group by all
),
totals as (
  select
    account_id,
    billing_month,
    observed_at,
    sum(gross) as gross
  from added
  join spend.accounts using (account_id, currency)
  group by account_id, billing_month, observed_at
),
-- A known day weighs what was used on it; days that nothing is known of share what is then left of the amount, by time.
weights as (
  select
    weighed.*,
    coalesce(
      used,
      greatest(totals.gross::double - coalesce(sum(used) over step, 0), 0)
        * seconds / nullif(sum(seconds) filter (where used is null) over step, 0)
    ) as weight
  from weighed
  left join totals using (account_id, billing_month, observed_at)
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
allocated_until as (
  select
    shares.*,
    added.currency,
    added.model,
    added.provider,
    case
      when shares.is_last then added.gross
      else (added.gross::double * shares.share_until)::decimal(22, 6)
    end as gross
  from added
  join shares using (account_id, billing_month, observed_at)
),
parts as (
  select
    *,
    gross - coalesce(
      lag(gross) over (partition by account_id, billing_month, observed_at, currency, model order by day), 0
    ) as part
  from allocated_until
),
allocated as (
  select
    account_id,
    billing_month,
    day,
    currency,
    model,
    any_value(provider) as provider,
    sum(part) as gross,
    bool_or(is_estimate) as is_estimate
  from parts
  where part <> 0
  group by account_id, billing_month, day, currency, model
),
observed as (
  select
    added.*,
    observations.day,
    observations.days_spanned,
    observations.is_reopened,
    observations.from_at,
    observations.until_at
  from added
  join observations using (account_id, billing_month, observed_at)
)
select
  account_id,
  billing_month,
  day,
  currency,
  model,
  coalesce(observed.provider, allocated.provider) as provider,
  coalesce(observed.gross, 0) as gross,
  coalesce(observed.credits, 0) as credits,
  coalesce(observed.net, 0) as net,
  observed.gross_to_date,
  observed.credits_to_date,
  observed.net_to_date,
  observed.observed_at,
  observed.days_spanned,
  coalesce(observed.gross < 0 or observed.net < 0, false) as is_decrease,
  coalesce(observed.is_reopened, false) as is_reopened,
  epoch(accounts.as_of) >= epoch(previews.period_end) + spend.late_seconds() as is_final,
  observed.from_at,
  observed.until_at,
  coalesce(allocated.gross, 0) as gross_allocated,
  coalesce(allocated.is_estimate, false) as is_estimate
from observed
full join allocated using (account_id, billing_month, day, currency, model)
join (from spend.previews where is_newest) as previews using (account_id, billing_month)
join spend.accounts using (account_id);
