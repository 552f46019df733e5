-- How much of a budget is spent in its running period: 1 is all of it.
select
  budget,
  coalesce(accounts, '') as accounts,
  coalesce(model, '') as model,
  currency,
  period,
  share as value
from spend.budget
where is_current and period_end > ($now at time zone 'UTC')::date
