-- Spend on a model in the running billing month so far, in major units, before credits.
select
  account_id as account,
  currency,
  model,
  gross as value
from spend.by_model
join spend.accounts using (account_id, currency)
where not is_gone and billing_month = date_trunc('month', $now at time zone 'UTC')::date
