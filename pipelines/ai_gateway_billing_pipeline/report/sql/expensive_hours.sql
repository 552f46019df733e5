select hour, currency, amount, is_complete
from spend.hourly
where account_id = $account and amount > 0
qualify day >= coalesce($first::date, max(day) over () - 59) and day <= coalesce($last::date, day)
order by amount desc, hour desc
limit 10
