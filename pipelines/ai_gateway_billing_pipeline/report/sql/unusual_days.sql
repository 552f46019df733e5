with expected as (
    select
        day, currency, amount,
        median(amount) over before as usual,
        count(*) over before as weeks
    from spend.daily
    where account_id = $account and is_complete
    window before as (partition by isodow(day) order by day rows between 8 preceding and 1 preceding)
)
select
    expected.*,
    case when weeks >= 4 then abs(amount - usual) > greatest(100 * major_per_minor, 0.5 * usual) end as is_unusual
from expected
join spend.accounts on accounts.account_id = $account
qualify day > max(day) over () - 120
order by day
