-- Estimate: how much of a budget will be spent by the end of its running period: 1 is all of it.
select
  budget,
  coalesce(accounts, '') as accounts,
  coalesce(model, '') as model,
  currency,
  period,
  forecast_share as value
from spend.budget
where is_current and period_end > ($now at time zone 'UTC')::date
