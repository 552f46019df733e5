-- When a resource was last loaded successfully.
select
  account_id as account,
  resource,
  epoch(last_success_at) as value
from ai_gateway_billing.load_status
join spend.accounts using (account_id)
where not is_gone
