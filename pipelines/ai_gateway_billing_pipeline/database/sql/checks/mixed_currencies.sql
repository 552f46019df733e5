-- An account is billed in one currency.
with
named as (
  select account_id, upper(trim(currency)) as currency from ai_gateway_billing.invoices
  union
  select account_id, upper(trim(currency)) as currency from ai_gateway_billing.invoice_preview
)
select
  'warning' as severity,
  account_id,
  'Billed in several currencies: ' || string_agg(currency, ', ' order by currency)
    || '. Never sum amounts across them.' as finding,
  '' as matter,
  list(currency order by currency) as reached
from named
group by account_id
having count(*) > 1
