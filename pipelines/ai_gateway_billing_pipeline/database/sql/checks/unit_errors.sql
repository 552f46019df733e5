-- Usage, preview, balance and invoices do not differ by a factor of 100.
select
  'error' as severity,
  account_id,
  'Since ' || strftime(min(month), '%Y-%m') || ', ' || count(*) || ' month(s) look like a unit error: usage and '
    || arg_max(reason, month) || ' differ by a factor of 100. See spend.reconciliation; AIG_BILLING_USAGE_UNIT says '
    || 'what unit usage is in.' as finding,
  '' as matter,
  list(month::varchar order by month) as reached
from spend.reconciliation
where verdict like 'looks like a unit error%'
group by account_id
