-- Estimate: what the running UTC month will have cost, in major units of the currency.
select
  account_id as account,
  currency,
  month_end_forecast as value
from spend.runway
where month = date_trunc('month', $now at time zone 'UTC')::date
