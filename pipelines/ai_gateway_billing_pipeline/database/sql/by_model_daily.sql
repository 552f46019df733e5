-- spend.by_model_daily: one row per account, billing month, day and model: what the day added. Safe to sum over days and models, to spend.by_model; not over currencies.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts; days of a re-opened month may lie after it
-- day: UTC day whose last preview showed the amounts
-- currency: ISO 4217 code, upper case
-- model: what the line's description names, such as `openai/gpt-5.5`; the description itself where it names none
-- provider: what stands before the model's first slash; `workers-ai` for names that begin with @; NULL without a slash
-- gross: major units that the day added, before credits; negative when the API took something back
-- credits: major units that the day added to the credits
-- net: gross minus credits
-- gross_to_date: major units, the billing period until then
-- credits_to_date: major units, the billing period until then
-- net_to_date: major units, the billing period until then
-- observed_at: when the day's last preview was first seen, UTC
-- days_spanned: days since the preview before, or since the period's start; above 1, days without a load are in the amounts
-- is_decrease: the month's gross or net amount of the model went down
-- is_reopened: the preview showed this month again after it had shown a later one
-- is_final: the late-event horizon of 35 days after the period is over
--
-- The API shows only the running month, and no days. So each day's last preview is compared with the last one before
-- it; the first of a month with zero. A model that a preview no longer lists counts as zero from then on.
create or replace view spend.by_model_daily as
with
observations as (
  select
    account_id,
    billing_month,
    (observed_at at time zone 'UTC')::date as day,
    observed_at,
    lead(observed_at) over (partition by account_id, billing_month order by observed_at) as next_observed_at,
    period_end,
    is_reopened,
    date_diff('day', coalesce(
      lag(day) over (partition by account_id, billing_month order by observed_at),
      least((period_start at time zone 'UTC')::date, day) - 1
    ), day) as days_spanned
  from spend.previews
  where is_day_end
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
)
select
  added.account_id,
  added.billing_month,
  observations.day,
  added.currency,
  added.model,
  added.provider,
  added.gross,
  added.credits,
  added.net,
  added.gross_to_date,
  added.credits_to_date,
  added.net_to_date,
  added.observed_at,
  observations.days_spanned,
  added.gross < 0 or added.net < 0 as is_decrease,
  observations.is_reopened,
  epoch(accounts.as_of) >= epoch(observations.period_end) + 35 * 86400 as is_final
from added
join observations using (account_id, billing_month, observed_at)
join spend.accounts using (account_id);
