with
chosen as (
  select *
  from spend.attribution
  where account_id = $account
  qualify day >= coalesce($first::date, max(day) over () - 29) and day <= coalesce($last::date, day)
),
billed as (
  select currency, gateway, is_attributed, sum(amount) as amount, min(day) as first_day, max(day) as last_day
  from chosen
  group by all
),
estimated as (
  select
    gateway,
    true as is_attributed,
    sum(requests) as requests,
    sum(case billed_by when 'own key' then estimate_usd when 'cloudflare' then 0 end) as own_keys_usd
  from spend.by_gateway_daily
  where account_id = $account and day between (select min(first_day) from billed) and (select max(last_day) from billed)
  group by gateway
)
select
  billed.currency,
  billed.gateway,
  billed.is_attributed,
  billed.amount,
  min(billed.first_day) over () as first_day,
  max(billed.last_day) over () as last_day,
  estimated.requests,
  estimated.own_keys_usd
from billed
left join estimated
  on estimated.gateway is not distinct from billed.gateway and estimated.is_attributed = billed.is_attributed
order by billed.currency, billed.is_attributed desc, billed.amount desc, billed.gateway
