-- spend.estimate_vs_bill: one row per account and UTC day or month that has both: what was billed beside what the analytics estimate. Sum nothing: days and months are the same money, and so are both amounts.
-- account_id: Cloudflare account id
-- period: `day` or `month`
-- starts: first UTC day of the period
-- days: complete days that are compared
-- currency: ISO 4217 code, upper case: of what was billed
-- billed: what the usage of these days says, in major units by the unit that is set
-- estimate_usd: estimate in US dollars of requests that Cloudflare bills
-- ratio: estimate by billed: near 1 they agree, near 100 or 0.01 the unit of `aggregated_value` is set wrongly
-- finding: `agrees` within 20 %, `unit error`, `differs`, or NULL where the amounts are too small to tell anything
--
-- Only complete days with estimates count, without the account's first, of which the analytics had only a part, and
-- without days that lack hours (gateway_usage_gaps). An estimate is sampled and restated, so a difference proves nothing by
-- itself; a factor of hundred does. In other currencies than dollars nothing is found.
create or replace view spend.estimate_vs_bill as
with
known as (
  select account_id, min(day) as first_day
  from spend.by_gateway_daily
  group by account_id
),
gaps as (
  select
    account_id,
    epoch_us(gap_start) // 86400000000 as first_number,
    (epoch_us(gap_end) - 1) // 86400000000 as last_number
  from ai_gateway_billing.gateway_usage_gaps
  where resource = 'gateway_usage_hourly'
),
days as (
  select
    daily.account_id,
    daily.day,
    daily.currency,
    daily.amount as billed,
    estimated.estimate_usd
  from spend.daily
  join (
    select account_id, day, sum(estimate_usd) as estimate_usd
    from spend.by_gateway_daily
    where billed_by = 'cloudflare'
    group by account_id, day
  ) as estimated using (account_id, day)
  join known using (account_id)
  anti join gaps
    on gaps.account_id = daily.account_id
    and epoch(daily.day)::bigint // 86400 between gaps.first_number and gaps.last_number
  where daily.is_complete
    and estimated.estimate_usd is not null
    and daily.day > known.first_day
),
periods as (
  select account_id, 'day' as period, day as starts, 1 as days, currency, billed, estimate_usd
  from days
  union all
  select
    account_id,
    'month',
    date_trunc('month', day)::date,
    count(*)::integer,
    currency,
    sum(billed),
    sum(estimate_usd)
  from days
  group by account_id, date_trunc('month', day), currency
),
compared as (
  select *, estimate_usd::double / nullif(billed, 0)::double as quotient
  from periods
)
select
  account_id,
  period,
  starts,
  days,
  currency,
  billed::decimal(38, 10) as billed,
  estimate_usd::decimal(38, 10) as estimate_usd,
  try_cast(quotient as decimal(18, 4)) as ratio,
  case
    when currency <> 'USD' or greatest(abs(billed), abs(estimate_usd)) < 1 then null
    when quotient between 50 and 200 or quotient between 0.005 and 0.02 then 'unit error'
    when quotient between 0.8 and 1.25 then 'agrees'
    else 'differs'
  end as finding
from compared;
