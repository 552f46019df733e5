-- spend.by_model: one row per account, billing month and model, from the month's newest preview. Safe to sum over models and months, not over currencies.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts
-- currency: ISO 4217 code, upper case
-- model: what the line's description names, such as `openai/gpt-5.5`; the description itself where it names none
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
with newest as (
  select *
  from spend.preview_models
  qualify observed_at = max(observed_at) over (partition by account_id, billing_month)
)
select
  newest.account_id,
  newest.billing_month,
  newest.currency,
  newest.model,
  newest.provider,
  newest.description,
  newest.lines,
  newest.quantity,
  newest.gross,
  newest.credits,
  newest.net,
  newest.observed_at,
  accounts.as_of >= newest.period_end as is_closed,
  accounts.as_of at time zone 'UTC' >= newest.period_end at time zone 'UTC' + interval 35 days as is_final
from newest
join spend.accounts using (account_id);
