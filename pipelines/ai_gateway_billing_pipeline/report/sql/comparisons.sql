select month, place, currency, usage, amount, ratio, finding
from spend.comparisons
where account_id = $account and ratio > 0
qualify month >= max(month) over () - interval 12 months
order by month, place
