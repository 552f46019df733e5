-- Estimate: the part of a model in the running UTC day so far, in major units, before credits.
select
  account_id as account,
  currency,
  model,
  sum(gross_allocated) as value
from spend.by_model_daily
join spend.accounts using (account_id, currency)
where not is_gone and day = ($now at time zone 'UTC')::date
group by all
