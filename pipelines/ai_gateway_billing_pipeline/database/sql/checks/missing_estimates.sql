-- Where attribution is on and something was billed, the analytics estimate something too: without a permission they give nothing and no error.
with
asked as (
  select account_id, last_success_at
  from ai_gateway_billing.load_status
  where resource = 'gateway_usage_hourly' and last_success_at is not null
),
billed as (
  select
    daily.account_id,
    daily.currency,
    min(daily.day) as first_day,
    max(daily.day) as last_day,
    sum(daily.amount) as amount
  from spend.daily
  join asked using (account_id)
  where daily.is_complete and epoch(daily.day) >= epoch(asked.last_success_at) - 4 * 86400
  group by daily.account_id, daily.currency
),
estimated as (
  select distinct account_id
  from spend.by_gateway_daily
  join billed using (account_id)
  where day between first_day and last_day
)
select
  'warning' as severity,
  account_id,
  'The analytics gave no estimate from ' || first_day || ' to ' || last_day || ', although '
    || printf('%.2f', amount::double) || ' ' || currency || ' was billed. The token may lack the permission "AI Gateway Read" or '
    || '"Account Analytics Read". Run aig-billing doctor --with attribution.' as finding,
  'estimates' as matter,
  []::varchar[] as reached
from billed
where amount >= 1 and account_id not in (select account_id from estimated)
