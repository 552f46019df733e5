-- Whether the last load of a resource went well (1) or failed (0).
select
  account_id as account,
  resource,
  (error is null)::integer as value
from ai_gateway_billing.load_status
join spend.accounts using (account_id)
where not is_gone
