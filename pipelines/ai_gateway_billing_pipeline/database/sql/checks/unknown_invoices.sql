-- No paid invoice of unknown kind looks like a bill for the usage of the month before.
select
  'warning' as severity,
  account_id,
  'Invoice ' || invoice_id || ' of ' || strftime(created_at at time zone 'UTC', '%Y-%m-%d') || ': '
    || trim_zeros(amount_paid) || ' ' || currency || ' paid is much like the usage of the month before, and the API does '
    || 'not tell its kind. It counts as a usage invoice and not as credit bought; see kind and is_purchase in '
    || 'spend.invoices.' as finding,
  invoice_id as matter,
  []::varchar[] as reached
from spend.invoices
where kind = 'unknown' and not is_purchase and amount_paid > 0
