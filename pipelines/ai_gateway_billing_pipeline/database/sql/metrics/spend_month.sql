-- Spend of the running UTC month so far, in major units of the currency.
select
  account_id as account,
  currency,
  month_to_date as value
from spend.runway
where month = date_trunc('month', $now at time zone 'UTC')::date
