-- No invoice stays open for more than 30 days.
select
  'warning' as severity,
  account_id,
  'Invoice ' || id || ' has been open since ' || strftime(created at time zone 'UTC', '%Y-%m-%d') || '; '
    || trim_zeros(amount_remaining) || ' ' || lower(currency) || ' minor units remain.' as finding
from ai_gateway_billing.invoices
where lower(status) = 'open' and created < $now - interval 30 day
