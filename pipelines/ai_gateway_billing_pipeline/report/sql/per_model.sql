select
    billing_month, currency, model, gross, credits, net, is_closed,
    gross / nullif(sum(gross) over (partition by billing_month, currency), 0) as share
from spend.by_model
where account_id = $account
    and billing_month >= coalesce(date_trunc('month', $first::date), billing_month)
    and billing_month <= coalesce($last::date, billing_month)
qualify billing_month = max(billing_month) over ()
order by currency, gross desc, model
