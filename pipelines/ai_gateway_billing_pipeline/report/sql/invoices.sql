select created_at, status, origin, description, currency, amount_due, amount_paid, amount_remaining, is_settled,
    age_days
from spend.invoices
where account_id = $account and is_listed
    and coalesce((created_at at time zone 'UTC')::date >= $first::date, true)
    and coalesce((created_at at time zone 'UTC')::date <= $last::date, true)
order by is_settled, created_at desc, invoice_id
limit 12
