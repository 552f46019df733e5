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
    period_end,
    is_reopened,
    date_diff('day', coalesce(
      lag(day) over (partition by account_id, billing_month order by day),
      least((period_start at time zone 'UTC')::date, day) - 1
    ), day) as days_spanned
  from spend.previews
  where is_day_end
),
shown as (
  select *
  from spend.preview_models
  where is_day_end
),
models as (
  select
    account_id,
    billing_month,
    currency,
    model,
    any_value(provider) as provider,
    min(observed_at) as first_observed_at
  from shown
  group by account_id, billing_month, currency, model
),
to_date as (
  select
    observations.*,
    models.currency,
    models.model,
    models.provider,
    coalesce(shown.gross, 0) as gross,
    coalesce(shown.credits, 0) as credits,
    coalesce(shown.net, 0) as net,
    shown.model is not null as is_shown
  from observations
  join models using (account_id, billing_month)
  left join shown using (account_id, billing_month, observed_at, currency, model)
  where observations.observed_at >= models.first_observed_at
),
added as (
  select
    *,
    gross - coalesce(lag(gross) over before, 0) as gross_added,
    credits - coalesce(lag(credits) over before, 0) as credits_added,
    net - coalesce(lag(net) over before, 0) as net_added,
    coalesce(lag(is_shown) over before, false) as was_shown
  from to_date
  window before as (partition by account_id, billing_month, currency, model order by day)
)
select
  added.account_id,
  added.billing_month,
  added.day,
  added.currency,
  added.model,
  added.provider,
  added.gross_added as gross,
  added.credits_added as credits,
  added.net_added as net,
  added.gross as gross_to_date,
  added.credits as credits_to_date,
  added.net as net_to_date,
  added.observed_at,
  added.days_spanned,
  added.gross_added < 0 or added.net_added < 0 as is_decrease,
  added.is_reopened,
  epoch(accounts.as_of) >= epoch(added.period_end) + 35 * 86400 as is_final
from added
join spend.accounts using (account_id)
where added.is_shown or added.was_shown;
