-- spend.by_model: one row per account, billing month and model, from the month's newest preview. Safe to sum over models and months, not over currencies.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts
-- currency: ISO 4217 code, upper case
-- model: what the lines' description names, such as `openai/gpt-5.5`; the description itself where it names none
-- provider: what stands before the model's first slash; `workers-ai` for names that begin with @; NULL without a slash
-- description: the lines' descriptions as sent; different ones are joined by ` | `
-- lines: how many lines of the preview were added up
-- quantity: sum of the quantities as sent; their unit is unknown
-- gross: major units, before credits
-- credits: major units, positive: what reduces the lines
-- net: gross minus credits
-- observed_at: when a load first saw these amounts, UTC; what came later in the month is not in them
-- is_closed: the billing period was over when the account was last read: the API has forgotten these lines
-- is_final: the late-event horizon of 35 days after the period is over as well
create or replace view spend.by_model as
select
  models.account_id,
  models.billing_month,
  models.currency,
  models.model,
  models.provider,
  models.description,
  models.lines,
  models.quantity,
  models.gross,
  models.credits,
  models.net,
  models.observed_at,
  accounts.as_of >= previews.period_end as is_closed,
  epoch(accounts.as_of) >= epoch(previews.period_end) + spend.late_seconds() as is_final
from spend.preview_models as models
join spend.previews using (account_id, billing_month, observed_at)
join spend.accounts using (account_id)
where models.is_newest and previews.is_newest;
