-- Spend of the running UTC day so far, in major units of the currency.
select
  account_id as account,
  currency,
  amount as value
from spend.daily
join spend.accounts using (account_id, currency)
where not is_gone and day = ($now at time zone 'UTC')::date
