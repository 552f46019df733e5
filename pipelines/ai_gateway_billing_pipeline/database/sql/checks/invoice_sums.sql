-- What is due on an invoice is what was paid and what remains.
select
  'error' as severity,
  account_id,
  'Invoice ' || id || ' (' || coalesce(status, 'no status') || '): ' || trim_zeros(amount_due) || ' due, but '
    || trim_zeros(amount_paid) || ' paid and ' || trim_zeros(amount_remaining) || ' remaining, in '
    || lower(currency) || ' minor units.' as finding,
  id as matter,
  []::varchar[] as reached
from ai_gateway_billing.invoices
where amount_due <> amount_paid + amount_remaining
