-- Nothing that the API sent had to be put aside because it broke the contract.
select
  'error' as severity,
  account_id,
  count(*) || ' item(s) of ' || resource || ' were put aside: field ' || field || ' ' || reason
    || '. See ai_gateway_billing.quarantine.' as finding
from ai_gateway_billing.quarantine
group by account_id, resource, field, reason
