-- Every resource was loaded successfully within the last hours (--stale-after).
with
listed as (
  select account_id, max(last_listed_at) as last_listed_at
  from ai_gateway_billing.load_status
  group by account_id
),
attempts as (
  select max(last_attempt_at) as last_attempt_at from ai_gateway_billing.load_status
)
select
  'error' as severity,
  account_id,
  string_agg(resource, ', ' order by resource) || ': '
    || coalesce(
      'no successful load since ' || strftime(min(last_success_at) at time zone 'UTC', '%Y-%m-%d %H:%M') || ' UTC',
      'never loaded successfully'
    ) || '. ' || case
      when max(listed.last_listed_at) < (select max(last_listed_at) from listed)
      then coalesce(max(error) || ' ', '') || 'Others have been loaded since; this account was last listed on '
        || strftime(max(listed.last_listed_at) at time zone 'UTC', '%Y-%m-%d')
        || '. Left out here after 35 days, or at once by aig-billing account forget, which deletes what is stored.'
      else coalesce(max(error), 'Run aig-billing load, and see what it says.')
    end as finding,
  if(last_success_at is null, 'never', 'since') as matter,
  list(resource order by resource) as reached
from ai_gateway_billing.load_status
left join listed using (account_id)
where (last_success_at is null or last_success_at < $now - to_hours($stale_after::integer))
  and (select last_attempt_at from attempts) >= $now - to_hours($stale_after::integer)  -- else the schedule stopped
  and (
    resource not in ('gateway_usage_hourly', 'gateway_usage_tags_hourly', 'gateways')  -- attribution may be switched off
    or last_attempt_at >= $now - to_hours($stale_after::integer)
  )
group by account_id, last_success_at is null
