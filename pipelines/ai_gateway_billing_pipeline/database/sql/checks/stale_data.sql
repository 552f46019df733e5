-- Every resource was loaded successfully within the last hours (--stale-after).
with
listed as (
  select account_id, max(last_listed_at) as last_listed_at
  from ai_gateway_billing.load_status
  group by account_id
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
      else coalesce(max(error), 'Is the schedule running?')
    end as finding
from ai_gateway_billing.load_status
left join listed using (account_id)
where last_success_at is null or last_success_at < $now - to_hours($stale_after::integer)
group by account_id, last_success_at is null
