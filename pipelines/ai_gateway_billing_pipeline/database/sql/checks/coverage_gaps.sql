-- Every UTC day from an account's first read day to its newest has been read to its end, for hours and for days.
with
span as (
  select account_id, "grouping", min(day) as first_day, max(day) as last_day
  from ai_gateway_billing.usage_coverage
  group by all
),
due as (
  select account_id, "grouping", unnest(range(first_day, last_day, interval 1 day))::date as day
  from span
),
missing as (
  select due.account_id, due."grouping", due.day
  from due
  left join ai_gateway_billing.usage_coverage as coverage using (account_id, "grouping", day)
  where coverage.read_until is null or coverage.read_until < ((due.day + 1)::timestamp at time zone 'UTC')
)
select
  'error' as severity,
  account_id,
  'Usage by ' || "grouping" || ' was not read completely on ' || count(*) || ' day(s) between ' || min(day)
    || ' and ' || max(day) || '. Run aig-billing backfill --from ' || min(day) || ' --to ' || max(day) || '.' as finding,
  "grouping" as matter,
  list(day::varchar order by day) as reached
from missing
group by account_id, "grouping"
