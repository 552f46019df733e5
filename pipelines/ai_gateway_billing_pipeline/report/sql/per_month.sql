select
    monthly.month, monthly.currency, monthly.amount, days_known, days_in_month, is_complete,
    case when month_end_forecast is not null then greatest(month_end_forecast, amount) end as forecast
from spend.monthly
left join spend.runway on runway.account_id = monthly.account_id and runway.month = monthly.month
where monthly.account_id = $account
qualify monthly.month >=
        coalesce(date_trunc('month', $first::date), max(monthly.month) over () - interval 12 months)
    and monthly.month <= coalesce($last::date, monthly.month)
order by monthly.month
