-- spend.budget: one row per budget and period of it in which anything is known: how much of it is spent. Budgets overlap: sum over periods of one budget, never over budgets.
-- budget: its name in the settings, or `Cloudflare spending limit`
-- source: `settings`, or `cloudflare` for the account's own limit, where one is enabled
-- account_id: the account that the budget is for; NULL when it is for several
-- accounts: ids and names as the settings have them, joined by `, `; NULL for all accounts of the currency
-- model: the model that the budget is for; NULL for all spend
-- currency: ISO 4217 code, upper case; accounts of other currencies do not count
-- period: `day`, `week` (from Monday) or `month`, in UTC
-- period_start: first day of the period
-- period_end: its end, exclusive
-- is_current: the running period
-- amount: the budget in major units
-- spent: major units spent in the period so far, as far as known; of a model gross
-- is_known: false when a day of the period that is over was not read completely, for one of the accounts
-- forecast: estimate: what the whole period will have cost; NULL when is_known is false; of a past period what was spent
-- share: spent by amount, so that 1 is all of it
-- forecast_share: forecast by amount
-- thresholds: per cent of the budget that it warns at, joined by `,`
-- threshold_crossed: the highest of them that spent has reached; NULL for none
-- state: `exceeded`, `unknown` (is_known is false), `forecast_exceeded` (the running period will), `warned` (at a threshold), or `ok`
-- as_of: when the API last answered for any of the accounts, UTC
--
-- Budgets are from the settings of the newest load and count for past periods too. An account is meant by its id or its
-- name; a budget whose accounts or currency match nothing has no row, and `check` says so. A model's days are
-- gross_allocated of spend.by_model_daily, known only for the days that previews were kept of.
-- Forecast: complete days as they were; the running one and those to come as the mean of the same weekday over the last 28
-- complete days (of all of them where that weekday is unknown), but not less than what is known of it. Cloudflare's limit
-- counts by calendar here, also where its strategy is `sliding`. Calculated in floating point and rounded.
create or replace view spend.budget as
with
defined as (
  select
    name as budget,
    'settings' as source,
    accounts,
    model,
    upper(currency) as currency,
    period,
    spend.amount(amount) as amount,
    thresholds
  from ai_gateway_billing.budgets
  union all
  select
    'Cloudflare spending limit' as budget,
    'cloudflare' as source,
    account_id as accounts,
    null as model,
    accounts.currency,
    spend.limit_period(limits.config__duration) as period,
    spend.amount(limits.config__amount * accounts.major_per_minor) as amount,
    '50,80,100' as thresholds
  from ai_gateway_billing.spending_limit as limits -- not spend.limits, which works out all versions of the balance
  join spend.accounts using (account_id)
  where limits._dlt_valid_to is null
    and limits.enabled
    and spend.amount(limits.config__amount * accounts.major_per_minor) > 0
    and spend.limit_period(limits.config__duration) in ('day', 'week', 'month')
),
numbered as (
  select
    *,
    row_number() over (order by source, budget, accounts) as number
  from defined
),
members as (
  select
    numbered.*,
    known.account_id as member,
    (max(known.as_of) over (partition by number) at time zone 'UTC')::date as newest_day,
    max(known.as_of) over (partition by number) as as_of,
    count(*) over (partition by number) as accounts_meant
  from numbered
  join spend.accounts as known
    on known.currency = numbered.currency
    and (
      numbered.accounts is null
      or contains(chr(10) || lower(numbered.accounts) || chr(10), chr(10) || lower(known.account_id) || chr(10))
      or contains(chr(10) || lower(numbered.accounts) || chr(10), chr(10) || lower(known.account_name) || chr(10))
    )
),
seen as (
  select
    account_id,
    billing_month,
    (least(observed_at, period_end - interval 1 microsecond) at time zone 'UTC')::date as until_day
  from spend.previews
  where is_newest
),
of_models as (
  select
    account_id,
    currency,
    model,
    day,
    sum(gross_allocated) as amount
  from spend.by_model_daily
  where model in (select model from ai_gateway_billing.budgets)
  group by all
),
days as (
  select
    members.number,
    members.member,
    daily.day,
    daily.amount,
    daily.is_complete
  from members
  join spend.daily on daily.account_id = members.member
  where members.model is null
  union all
  select
    members.number,
    members.member,
    daily.day,
    coalesce(of_models.amount, 0) as amount,
    daily.is_complete
  from members
  join spend.daily on daily.account_id = members.member
  join seen
    on seen.account_id = daily.account_id
    and seen.billing_month = date_trunc('month', daily.day)
    and daily.day <= seen.until_day
  left join of_models
    on of_models.account_id = daily.account_id
    and of_models.day = daily.day
    and of_models.model = members.model
    and of_models.currency = members.currency
  where members.model is not null
),
recent as (
  select
    *,
    date_diff('day', day, max(day) over (partition by number, member)) as age
  from days
  where is_complete
),
-- One row for each budget and account, as every name here is worked out anew wherever it is read by older DuckDB.
typical as (
  select
    number,
    member,
    sum(amount)::double / count(*) as per_day,
    sum(amount) filter (where isodow(day) = 1)::double / nullif(count(*) filter (where isodow(day) = 1), 0) as day_1,
    sum(amount) filter (where isodow(day) = 2)::double / nullif(count(*) filter (where isodow(day) = 2), 0) as day_2,
    sum(amount) filter (where isodow(day) = 3)::double / nullif(count(*) filter (where isodow(day) = 3), 0) as day_3,
    sum(amount) filter (where isodow(day) = 4)::double / nullif(count(*) filter (where isodow(day) = 4), 0) as day_4,
    sum(amount) filter (where isodow(day) = 5)::double / nullif(count(*) filter (where isodow(day) = 5), 0) as day_5,
    sum(amount) filter (where isodow(day) = 6)::double / nullif(count(*) filter (where isodow(day) = 6), 0) as day_6,
    sum(amount) filter (where isodow(day) = 7)::double / nullif(count(*) filter (where isodow(day) = 7), 0) as day_7
  from recent
  where age < 28
  group by all
),
periods as (
  select
    days.number,
    days.member,
    date_trunc(members.period, days.day)::date as period_start,
    sum(days.amount) as spent,
    count(*) filter (where days.is_complete and days.day < members.newest_day) as days_known
  from days
  join members using (number, member)
  group by all
),
-- The days of the running period that are not over: what each of them will have cost.
ahead as (
  select
    members.number,
    members.member,
    unnest(generate_series(
      members.newest_day::timestamp,
      case members.period when 'day' then members.newest_day when 'week' then date_trunc('week', members.newest_day) + interval 6 day else last_day(members.newest_day) end::timestamp,
      interval 1 day
    ))::date as day
  from members
),
to_come as (
  select
    ahead.number,
    ahead.member,
    sum(greatest(
      coalesce(
        [day_1, day_2, day_3, day_4, day_5, day_6, day_7][isodow(ahead.day)],
        typical.per_day
      ),
      days.amount::double
    ) - coalesce(days.amount::double, 0)) as more
  from ahead
  left join days using (number, member, day)
  left join typical using (number, member)
  group by all
),
placed as (
  select
    members.*,
    periods.period_start,
    (
      periods.period_start
      + case members.period when 'day' then interval 1 day when 'week' then interval 7 day else interval 1 month end
    )::date as period_end,
    periods.period_start = date_trunc(members.period, members.newest_day)::date as is_current,
    periods.spent,
    periods.days_known >= date_diff('day', periods.period_start, least(period_end, members.newest_day)) as is_known,
    case when is_current then to_come.more else 0 end as more
  from members
  join periods using (number, member)
  left join to_come using (number, member)
),
summed as (
  select
    number,
    budget,
    source,
    case when accounts is not null and any_value(accounts_meant) = 1 then min(member) end as account_id,
    accounts,
    model,
    currency,
    period,
    period_start,
    period_end,
    is_current,
    amount,
    thresholds,
    as_of,
    sum(spent) as spent,
    bool_and(is_known) and count(*) = any_value(accounts_meant) as is_known,
    sum(more) as more
  from placed
  group by number, budget, source, accounts, model, currency, period, period_start, period_end, is_current, amount, thresholds, as_of
),
shares as (
  select
    *,
    case when is_known then spent + spend.estimate(coalesce(more, 0)) end as forecast,
    spent::double / amount::double as share,
    (
      select max(step)
      from (select unnest(string_split(thresholds, ','))::decimal(9, 2) as step)
      where step::double <= 100 * spent::double / amount::double
    ) as threshold_crossed
  from summed
)
select
  budget,
  source,
  account_id,
  replace(accounts, chr(10), ', ') as accounts,
  model,
  currency,
  period,
  period_start,
  period_end,
  is_current,
  amount,
  spent,
  is_known,
  forecast,
  try_cast(share as decimal(18, 4)) as share,
  try_cast(forecast::double / amount::double as decimal(18, 4)) as forecast_share,
  thresholds,
  threshold_crossed,
  case
    when spent >= amount then 'exceeded'
    when not is_known then 'unknown'
    when is_current and forecast > amount then 'forecast_exceeded'
    when threshold_crossed is not null then 'warned'
    else 'ok'
  end as state,
  as_of
from shares;
