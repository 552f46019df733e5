with states as (
    select
        *,
        case when is_settled then 'settled' when lower(status) in ('draft', 'uncollectible') then lower(status)
            else 'open' end as state
    from spend.invoices
    where account_id = $account and is_listed
        and coalesce((created_at at time zone 'UTC')::date >= $first::date, true)
        and coalesce((created_at at time zone 'UTC')::date <= $last::date, true)
)
select
    currency, is_settled, state, count(*) as invoices,
    sum(case when state = 'open' then amount_remaining else amount_due end) as amount
from states
group by currency, is_settled, state
order by currency, is_settled, state
