-- 1 for each account; the label `name` is what people call it.
select
  account_id as account,
  coalesce(account_name, '') as name,
  1 as value
from spend.accounts
where not is_gone
