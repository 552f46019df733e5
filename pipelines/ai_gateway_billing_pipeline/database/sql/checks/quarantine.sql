-- Nothing that the API sent had to be put aside because it broke the contract.
select
  case when reason like '%; its row is loaded all the same' then 'warning' else 'error' end as severity,
  account_id,
  count(*) || ' item(s) of ' || resource || ' were put aside: field ' || field || ' ' || reason
    || '. See ai_gateway_billing.quarantine.' as finding,
  resource || ' ' || field || ' ' || reason as matter,
  tens(count(*)) as reached
from ai_gateway_billing.quarantine
group by account_id, resource, field, reason
