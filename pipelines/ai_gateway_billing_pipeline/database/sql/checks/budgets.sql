-- No running budget has reached a threshold or will be exceeded, and none of the last week was.
with
looked_at as (
  select
    *,
    period_end > ($now at time zone 'UTC')::date as is_running,
    coalesce(accounts, '') || ' ' || budget || ' ' || period || ' ' || period_start as matter
  from spend.budget
),
crossed as (
  select matter, step
  from (select matter, share, unnest(string_split(thresholds, ',')) as step from looked_at)
  where step::double <= 100 * share
),
steps as (
  select matter, list(step order by step) as steps
  from crossed
  group by matter
)
select
  if(is_running and spent >= amount, 'error', 'warning') as severity,
  coalesce(account_id, '') as account_id,
  'Budget "' || budget || '"' || coalesce(' for ' || model, '')
    || if(account_id is null, ' of ' || coalesce(accounts, 'all accounts'), '') || ': '
    || coalesce(round(spent, 2)::decimal(38, 2)::varchar, 'unknown') || ' of ' || round(amount, 2)::decimal(38, 2) || ' '
    || currency || coalesce(' (' || floor(100 * share)::bigint || ' %)', '') || ' are spent in the ' || period || case period when 'day' then ' ' else ' from ' end
    || period_start || if(
      is_running and forecast is not null,
      ', and ' || round(forecast, 2)::decimal(38, 2) || ' ' || currency
        || coalesce(' (' || floor(100 * forecast_share)::bigint || ' %)', '') || ' are to be expected by its end',
      ''
    ) || '. See what costs with aig-billing models.' as finding,
  matter,
  coalesce(steps, []) || mark(coalesce(forecast > amount, false), 'forecast') as reached
from looked_at
left join steps using (matter)
where (is_running and (steps is not null or forecast > amount))
  or (spent >= amount and period_end > ($now at time zone 'UTC')::date - 7)
