select valid_from, valid_to, currency, balance, topups, topup_source
from spend.balance
where account_id = $account
    and coalesce((valid_from at time zone 'UTC')::date >= $first::date, true)
    and coalesce((valid_from at time zone 'UTC')::date <= $last::date, true)
order by valid_from
