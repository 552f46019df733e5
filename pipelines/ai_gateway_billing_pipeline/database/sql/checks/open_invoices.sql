-- No invoice stays open for more than 30 days.
select
  'warning' as severity,
  invoices.account_id,
  'Invoice ' || invoices.id || ' has been open since ' || strftime(created at time zone 'UTC', '%Y-%m-%d') || '; '
    || trim_zeros((amount_remaining * spend.major(upper(invoices.currency)))::decimal(38, 6)) || ' '
    || upper(invoices.currency) || ' are to be paid.' as finding,
  invoices.id as matter,
  []::varchar[] as reached
from ai_gateway_billing.invoices as invoices
where lower(status) = 'open' and created < $now - interval 30 day
