-- Estimate: how long the credit lasts without any top-up.
select
  account_id as account,
  days_left * 86400 as value
from spend.runway
