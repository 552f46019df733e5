-- spend.attribution: one row per account, UTC day, gateway, provider and model: what was billed, shared out by estimate. Safe to sum over everything but currencies: each day adds up to spend.daily.
-- account_id: Cloudflare account id
-- day: UTC day
-- currency: ISO 4217 code, upper case
-- gateway: as the analytics name it; `unattributed` where there is no estimate
-- provider: as the analytics name it
-- model: likewise
-- amount: estimate: its share of what was billed that day, in major units
-- share: estimate: its part of the day's estimate, 0 to 1; NULL where there is none
-- estimate_usd: estimate of the analytics in US dollars, of requests that Cloudflare bills; NULL where there is none
-- is_attributed: false for what has no estimate: the analytics were not read, or know no request that Cloudflare bills
-- is_complete: the day had ended when it was read, and it was read completely
-- is_final: complete, and read again after the 35 days in which late events may come
-- currency_is_assumed: true when the API names no currency for the account
--
-- The billed day is shared out in proportion to the estimates of requests that Cloudflare bills; what rounding leaves
-- over goes to the largest share. So a share is as good as the estimate, while the sum is the bill.
create or replace view spend.attribution as
with
estimates as (
  select
    account_id,
    date '1970-01-01' + (epoch_us(hour) // 86400000000)::integer as day,
    gateway,
    provider,
    model,
    sum(spend.amount(cost_usd_estimate)) as estimate_usd
  from ai_gateway_billing.gateway_usage_hourly
  where wholesale and cost_usd_estimate > 0
  group by all
),
weighed as (
  select
    *,
    estimate_usd::double / sum(estimate_usd) over (partition by account_id, day)::double as weight,
    row_number() over (
      partition by account_id, day order by estimate_usd desc, gateway nulls last, provider nulls last, model nulls last
    ) as place
  from estimates
  where estimate_usd > 0
),
parts as (
  select
    daily.account_id,
    daily.day,
    daily.currency,
    daily.amount as billed,
    daily.is_complete,
    daily.is_final,
    daily.currency_is_assumed,
    weighed.gateway,
    weighed.provider,
    weighed.model,
    weighed.estimate_usd,
    weighed.weight,
    coalesce(weighed.place, 1) as place,
    coalesce(round(daily.amount::double * weighed.weight, 10)::decimal(38, 10), daily.amount) as amount
  from spend.daily
  left join weighed on weighed.account_id = daily.account_id and weighed.day = daily.day
)
select
  account_id,
  day,
  currency,
  case when weight is null then 'unattributed' else gateway end as gateway,
  provider,
  model,
  case
    when place = 1 then amount + billed - sum(amount) over (partition by account_id, day)
    else amount
  end::decimal(38, 10) as amount,
  round(weight, 4)::decimal(5, 4) as share,
  estimate_usd,
  weight is not null as is_attributed,
  is_complete,
  is_final,
  currency_is_assumed
from parts;
