-- Amounts in different currencies cannot be ranked: the currency that most accounts have stands first.
with spent as (
    select account_id, accounts.currency, coalesce(sum(amount), 0) as amount
    from spend.accounts
    left join spend.daily using (account_id)
    group by account_id, accounts.currency
)
select account_id
from spent
order by count(*) over (partition by currency) desc, currency, amount desc, account_id
