-- No day of the last week cost unusually much or little.
select
  if(direction = 'above', 'warning', 'info') as severity,
  account_id,
  day || ' cost ' || round(actual, 2)::decimal(38, 2) || ' ' || currency || ', unusually '
    || if(direction = 'above', 'much', 'little') || ': about ' || round(expected, 2)::decimal(38, 2) || ' ' || currency
    || ' are usual for such a ' || dayname(day) || '. See which models it was with aig-billing models.' as finding,
  day::varchar as matter,
  [direction] as reached
from spend.anomalies
where is_anomaly and day >= ($now at time zone 'UTC')::date - 7
