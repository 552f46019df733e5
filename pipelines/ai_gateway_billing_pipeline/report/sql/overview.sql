-- A row of an account, and one without for the sums of a currency.
select
    currency,
    account_id,
    any_value(account_name) as account_name,
    sum(month_to_date) as month_to_date,
    sum(month_end_forecast) as month_end_forecast,
    sum(balance) as balance,
    case when account_id is not null then min(days_left) end as days_left,
    count(*) filter (where balance is null or month_to_date is null) as unknown
from spend.runway
join (select account_id, account_name from spend.accounts) using (account_id)
where list_contains($account, account_id)
group by grouping sets ((currency, account_id), (currency))
order by count(*) over (partition by currency) desc, currency, account_id is null, month_to_date desc, account_id
