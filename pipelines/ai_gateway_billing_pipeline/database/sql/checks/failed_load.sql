-- The last load of every resource went well, or was the first one (see stale_data).
select
  'warning' as severity,
  account_id,
  string_agg(resource, ', ' order by resource) || ' failed in the last load, at '
    || strftime(max(last_attempt_at) at time zone 'UTC', '%Y-%m-%d %H:%M') || ' UTC. ' || min(error)
    || ' The next load reads what is missing.' as finding,
  '' as matter,
  list(resource order by resource) as reached
from ai_gateway_billing.load_status
where error is not null and last_success_at is not null
group by account_id
