with days as (
    select day, currency, model, sum(gross_allocated) as gross, bool_or(is_estimate) as is_estimate
    from spend.by_model_daily
    where account_id = $account and gross_allocated <> 0
    group by day, currency, model
)
select *
from days
where day <= coalesce($last::date, day)
qualify day >= coalesce($first::date, max(day) over () - 59)
order by day, model
