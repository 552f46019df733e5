-- Every resource was loaded successfully within the last hours (--stale-after).
select
  'error' as severity,
  account_id,
  string_agg(resource, ', ' order by resource) || ': '
    || coalesce(
      'no successful load since ' || strftime(min(last_success_at) at time zone 'UTC', '%Y-%m-%d %H:%M') || ' UTC',
      'never loaded successfully'
    ) || '. ' || coalesce(max(error), 'Is the schedule running?') as finding
from ai_gateway_billing.load_status
where last_success_at is null or last_success_at < $now - to_hours($stale_after::integer)
group by account_id, last_success_at is null
