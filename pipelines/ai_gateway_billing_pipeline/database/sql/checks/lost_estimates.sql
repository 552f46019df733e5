-- No hour of the analytics' estimates was lost: they forget after 31 days.
select
  'warning' as severity,
  account_id,
  resource || ' lacks ' || count(*) || ' stretch(es) of hours between ' || strftime(min(gap_start) at time zone 'UTC', '%Y-%m-%d %H:%M')
    || ' and ' || strftime(max(gap_end) at time zone 'UTC', '%Y-%m-%d %H:%M')
    || ' (UTC), which the analytics no longer have. Load at least once in 31 days.' as finding,
  resource as matter,
  list(gap_start::date::varchar order by gap_start) as reached
from ai_gateway_billing.gateway_usage_gaps
group by account_id, resource
