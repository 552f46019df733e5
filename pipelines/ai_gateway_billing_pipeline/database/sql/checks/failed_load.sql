-- The last load of every resource went well, or was the first one (see stale_data).
select
  'warning' as severity,
  account_id,
  string_agg(resource, ', ' order by resource) || ' failed in the last load, at '
    || strftime(max(last_attempt_at) at time zone 'UTC', '%Y-%m-%d %H:%M') || ' UTC. ' || min(error)
    || ' The next load reads what is missing.' as finding,
  '' as matter,
  list(resource order by resource) as reached
from (
  select
    *,
    max(last_attempt_at) over (partition by account_id) as newest_attempt_at
  from ai_gateway_billing.load_status
) as attempts
where error is not null
  and last_success_at is not null
  and (
    resource not in ('gateway_usage_hourly', 'gateway_usage_tags_hourly', 'gateways')  -- attribution may be switched off
    or last_attempt_at = newest_attempt_at
  )
group by account_id
