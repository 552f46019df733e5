-- spend.daily: one row per account and UTC day. Safe to sum over days, not over currencies; never add it to hourly.
-- account_id: Cloudflare account id
-- day: UTC day
-- currency: ISO 4217 code, upper case
-- amount: spend of the day in major units, exact; of the running day, what is known of it so far
-- source: `hour` when it is the sum of spend.hourly, `day` when only the API's daily figure is known or fresher
-- has_usage: true when the API gave a bucket for the day, false when it proved silent
-- is_complete: the day had ended when it was read, and it was read completely
-- is_final: complete, and read again at the end of the 35 days in which late events may come: it will not change
-- currency_is_assumed: true when the API names no currency for the account
--
-- The two usage tables tell the same money, so each day is taken from one of them: from that read completely, else from
-- the hours, unless the day's figure was read at least an hour later, which means by a later load.
create or replace view spend.daily as
with
hours as (
  select
    account_id,
    day,
    'hour' as source,
    sum(amount) as amount,
    bool_or(has_usage) as has_usage
  from spend.hourly
  group by account_id, day
),
days as (
  select
    usage.account_id,
    (bucket_start at time zone 'UTC')::date as day,
    'day' as source,
    (sum(aggregated_value) * any_value(major_per_usage_unit))::decimal(38, 20) as amount,
    true as has_usage
  from ai_gateway_billing.usage_daily as usage
  join spend.accounts using (account_id)
  group by all
),
coverage as (
  select
    account_id,
    day,
    "grouping" as source,
    read_at at time zone 'UTC' as read_at,
    read_until at time zone 'UTC' >= day + interval 1 day as is_complete
  from ai_gateway_billing.usage_coverage
),
known as (
  select
    account_id,
    day,
    source,
    coalesce(told.amount, 0)::decimal(38, 20) as amount,
    coalesce(told.has_usage, false) as has_usage,
    coalesce(coverage.is_complete, false) as is_complete,
    coverage.read_at
  from (from hours union all from days) as told
  full join coverage using (account_id, day, source)
  where told.amount is not null or coverage.is_complete
),
chosen as (
  select *
  from known
  qualify row_number() over (
    partition by account_id, day
    order by is_complete desc, read_at - (case source when 'hour' then interval 0 hour else interval 1 hour end) desc nulls last, source desc
  ) = 1
)
select
  account_id,
  chosen.day,
  accounts.currency,
  chosen.amount,
  chosen.source,
  chosen.has_usage,
  chosen.is_complete,
  chosen.is_complete
    and chosen.read_at >= chosen.day + interval 35 days
    and accounts.as_of at time zone 'UTC' >= chosen.day + interval 36 days as is_final,
  accounts.currency_is_assumed
from chosen
join spend.accounts using (account_id);
