-- spend.restatements: one row per account and UTC day or month that is complete: what it said first, and what it says now. Both amounts are the same money: sum one of them, over rows of one period.
-- account_id: Cloudflare account id
-- period: `day` or `month`
-- starts: its first UTC day
-- currency: ISO 4217 code, upper case
-- source: `hour` for the sum of usage_hourly, `day` for usage_daily where hours were not read
-- first_amount: major units, as the first load said after which the period was complete
-- first_seen_at: when that load ran, UTC
-- amount: major units, as the newest load knows it; differs from spend.daily by rounding at most
-- changed_at: when a load first saw amount, UTC; first_seen_at while it never changed
-- change: amount minus first_amount: what came late, or was withdrawn
-- change_percent: change in per cent of first_amount; NULL where that is not above zero
-- is_restated: the amount is not what it was
--
-- Kept since the load that made the raw table usage_reported: what was complete then counts as first seen then.
create or replace view spend.restatements as
with
chosen as (
  select *
  from ai_gateway_billing.usage_reported
  qualify row_number() over (partition by account_id, period, starts order by "grouping" desc) = 1
),
valued as (
  select
    chosen.*,
    accounts.currency,
    spend.amount(first_usage * accounts.major_per_usage_unit) as first_amount,
    spend.amount(last_usage * accounts.major_per_usage_unit) as amount
  from chosen
  join spend.accounts using (account_id)
)
select
  account_id,
  period,
  starts,
  currency,
  "grouping" as source,
  first_amount,
  first_seen_at,
  amount,
  last_seen_at as changed_at,
  amount - first_amount as change,
  case when first_amount > 0 then try_cast(100 * (amount - first_amount) / first_amount as decimal(18, 1)) end as change_percent,
  last_usage <> first_usage as is_restated
from valued;
