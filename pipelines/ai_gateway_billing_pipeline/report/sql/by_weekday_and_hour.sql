with recent as (
    select *
    from spend.hourly
    where account_id = $account and is_complete
    qualify day > max(day) over () - 84
)
select
    isodow(day) as weekday, hour(hour at time zone 'UTC') as hour, any_value(currency) as currency,
    sum(amount) / count(*) as amount, count(*) as hours
from recent
group by all
order by all
