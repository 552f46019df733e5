select
    month, currency, verdict, reason, hourly_sum, daily_sum, preview_gross, preview_net, balance_drop, invoices_paid
from spend.reconciliation
where account_id = $account
order by month desc
limit 13
