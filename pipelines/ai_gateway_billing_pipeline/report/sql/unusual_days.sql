select day, currency, actual as amount, expected as usual, is_anomaly as is_unusual
from spend.anomalies
where account_id = $account
qualify day > max(day) over () - 120
order by day
