-- No time lies ahead of this machine's clock, and no version ends before it begins.
with
moments as (
  select account_id, 'invoice_preview' as place, _dlt_valid_from as moment, _dlt_valid_to as ended_at
  from ai_gateway_billing.invoice_preview
  union all
  select account_id, 'credit_balance', _dlt_valid_from, _dlt_valid_to
  from ai_gateway_billing.credit_balance
  union all
  select account_id, 'topup_config', _dlt_valid_from, _dlt_valid_to
  from ai_gateway_billing.topup_config
  union all
  select account_id, 'spending_limit', _dlt_valid_from, _dlt_valid_to
  from ai_gateway_billing.spending_limit
  union all
  select account_id, 'invoices', last_listed_at, null
  from ai_gateway_billing.invoices
  union all
  select account_id, 'usage_coverage', greatest(read_at, read_until), null
  from ai_gateway_billing.usage_coverage
)
select
  'error' as severity,
  account_id,
  place || ' has ' || count(*) || ' time(s) that cannot be, up to '
    || strftime(max(greatest(moment, ended_at)) at time zone 'UTC', '%Y-%m-%d %H:%M')
    || ' UTC: a clock was wrong, when they were loaded or now. Set this machine''s clock and load again, which mends them.'
    as finding,
  place as matter,
  tens(count(*)) as reached
from moments
where moment > $now + to_minutes(5) or ended_at > $now + to_minutes(5) or ended_at < moment
group by account_id, place
