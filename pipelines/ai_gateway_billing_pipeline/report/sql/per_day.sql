select
    day, currency, amount, is_complete, is_final,
    case when is_complete and count(*) over week = 7 then sum(amount) over week / 7 end as mean_7d
from spend.daily
where account_id = $account
window week as (order by day range between interval 6 days preceding and current row)
qualify day >= coalesce($first::date, max(day) over () - 59) and day <= coalesce($last::date, day)
order by day
