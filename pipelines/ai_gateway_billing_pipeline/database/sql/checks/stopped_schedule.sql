-- A load has been recorded within the last hours (--stale-after).
select
  'error' as severity,
  '' as account_id,
  'No load has been recorded since ' || strftime(max(last_attempt_at) at time zone 'UTC', '%Y-%m-%d %H:%M')
    || ' UTC. The schedule has stopped, or every load fails before it can read anything. '
    || 'Run aig-billing load, and see the log of the schedule.' as finding,
  '' as matter,
  []::varchar[] as reached
from ai_gateway_billing.load_status
having max(last_attempt_at) < $now - to_hours($stale_after::integer)
