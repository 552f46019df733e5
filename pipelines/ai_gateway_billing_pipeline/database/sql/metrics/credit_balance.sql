-- Prepaid credit in major units of the currency.
select
  account_id as account,
  currency,
  balance as value
from spend.runway
