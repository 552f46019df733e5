-- spend.changes: one row per account, comparison and model: what is spent now beside what was spent before. Periods overlap: sum over models or accounts of one period, never over periods.
-- account_id: Cloudflare account id
-- period: `day`, `week` or `month`: the running one, beside the one before until the same hour; `last_day`: the newest complete day, beside the day before it
-- model: NULL for the whole account, as usage-history says; else a model, as the invoice preview says
-- currency: ISO 4217 code, upper case
-- starts_at: start of the time that amount covers, UTC; weeks start on Monday
-- until_at: its end, exclusive, UTC: the end of the newest complete hour; for a model, when its preview was first seen
-- previous_starts_at: start of the time that previous_amount covers, UTC
-- previous_until_at: its end, exclusive, UTC: as long after its start, but not beyond the end of that period
-- amount: major units, of a model gross; NULL when not every hour of the time is known
-- previous_amount: the same of the time before; NULL when not every hour of it is known, which is not 0
-- change: amount minus previous_amount; NULL when one of them is
-- change_percent: change in per cent of previous_amount; NULL where that is zero, negative or unknown
--
-- Models are known from successive previews: for `month`, from the newest preview of this month and the last that was seen
-- up to the same moment of the month before, if that was at most a day older; for `last_day`, from
-- spend.by_model_daily, where both days are known. There are no rows of models for `day` and `week`.
create or replace view spend.changes as
with
moments as (
  select
    account_id,
    max(case when source = 'hour' then day::timestamp + to_hours(hours_known) when is_complete then day + interval 1 day end)
      as until_at,
    max(case when is_complete then day end)::timestamp as last_day
  from spend.daily
  where hours_known > 0
  group by account_id
),
starts as (
  select
    account_id,
    unnest(['day', 'week', 'month', 'last_day']) as period,
    unnest([
      date_trunc('day', until_at - interval 1 microsecond),
      date_trunc('week', until_at - interval 1 microsecond),
      date_trunc('month', until_at - interval 1 microsecond),
      last_day
    ]) as starts_at,
    unnest([until_at, until_at, until_at, last_day + interval 1 day]) as until_at
  from moments
),
spans as (
  select
    *,
    starts_at - case period when 'week' then interval 7 day when 'month' then interval 1 month else interval 1 day end
      as previous_starts_at,
    least(previous_starts_at + (until_at - starts_at), starts_at) as previous_until_at
  from starts
  where starts_at is not null
),
-- Days that hours are known of are taken from these, others as a whole; none before the first that is asked for.
recent as (
  select
    daily.account_id,
    daily.day,
    daily.amount,
    daily.source,
    daily.is_complete
  from spend.daily
  where daily.day >= (select min(previous_starts_at)::date from spans)
),
hours as (
  select
    hourly.account_id,
    hourly.hour at time zone 'UTC' as began,
    interval 1 hour as lasts,
    hourly.amount
  from spend.hourly
  join recent using (account_id, day)
  where hourly.is_complete and recent.source = 'hour' and hourly.day >= (select min(previous_starts_at)::date from spans)
  union all
  select
    account_id,
    day::timestamp as began,
    interval 1 day as lasts,
    amount
  from recent
  where is_complete and source = 'day'
),
sums as (
  select
    spans.account_id,
    spans.period,
    sum(hours.amount) filter (where hours.began >= starts_at and hours.began + lasts <= until_at) as amount,
    sum(epoch(lasts)) filter (where hours.began >= starts_at and hours.began + lasts <= until_at) as seconds,
    sum(hours.amount) filter (where hours.began >= previous_starts_at and hours.began + lasts <= previous_until_at)
      as previous_amount,
    sum(epoch(lasts)) filter (where hours.began >= previous_starts_at and hours.began + lasts <= previous_until_at)
      as previous_seconds
  from spans
  join hours on hours.account_id = spans.account_id and hours.began >= previous_starts_at and hours.began < until_at
  group by all
),
accounts_changed as (
  select
    spans.account_id,
    spans.period,
    null::varchar as model,
    accounts.currency,
    starts_at,
    until_at,
    previous_starts_at,
    previous_until_at,
    case when seconds >= epoch(until_at) - epoch(starts_at) then amount end as amount,
    case when previous_seconds >= epoch(previous_until_at) - epoch(previous_starts_at) then previous_amount end as previous_amount
  from spans
  left join sums using (account_id, period)
  join spend.accounts using (account_id)
),
-- The newest preview of all, and the version of the month before that was in force as long after its start.
shown as (
  select
    account_id,
    billing_month,
    period_start at time zone 'UTC' as starts_at,
    observed_at,
    observed_at at time zone 'UTC' as until_at
  from spend.previews
  where is_newest
  qualify billing_month = max(billing_month) over (partition by account_id)
),
earlier as (
  select
    shown.account_id,
    previews.observed_at,
    previews.period_start at time zone 'UTC' as starts_at,
    least((previews.period_start at time zone 'UTC') + (shown.until_at - shown.starts_at), previews.period_end at time zone 'UTC')
      as moment,
    previews.billing_month
  from shown
  join spend.previews
    on previews.account_id = shown.account_id and previews.billing_month = shown.billing_month - interval 1 month
  where previews.observed_at at time zone 'UTC' between moment - interval 1 day and moment
  qualify row_number() over (partition by shown.account_id order by previews.observed_at desc) = 1
),
compared as (
  select account_id, billing_month, observed_at, true as is_now from shown
  union all
  select account_id, billing_month, observed_at, false as is_now from earlier
),
months as (
  select
    account_id,
    model,
    currency,
    sum(gross) filter (where is_now) as amount,
    sum(gross) filter (where not is_now) as previous_amount
  from spend.preview_models
  join compared using (account_id, billing_month, observed_at)
  group by account_id, model, currency
),
months_changed as (
  select
    account_id,
    'month' as period,
    months.model,
    months.currency,
    shown.starts_at,
    shown.until_at,
    shown.starts_at - interval 1 month as previous_starts_at,
    coalesce(earlier.moment, least(shown.starts_at - interval 1 month + (shown.until_at - shown.starts_at), shown.starts_at))
      as previous_until_at,
    coalesce(months.amount, 0) as amount,
    case when earlier.account_id is not null then coalesce(months.previous_amount, 0) end as previous_amount
  from months
  join shown using (account_id)
  left join earlier using (account_id)
),
model_days as (
  select
    account_id,
    day,
    model,
    currency,
    sum(gross_allocated) as amount
  from spend.by_model_daily
  group by all
),
known_days as (
  select spans.account_id
  from spans
  join model_days
    on model_days.account_id = spans.account_id and model_days.day in (spans.starts_at::date, spans.previous_starts_at::date)
  where spans.period = 'last_day'
  group by spans.account_id
  having count(distinct model_days.day) = 2
),
days_changed as (
  select
    spans.account_id,
    'last_day' as period,
    model_days.model,
    model_days.currency,
    spans.starts_at,
    spans.until_at,
    spans.previous_starts_at,
    spans.previous_until_at,
    coalesce(sum(model_days.amount) filter (where model_days.day = spans.starts_at::date), 0) as amount,
    coalesce(sum(model_days.amount) filter (where model_days.day = spans.previous_starts_at::date), 0) as previous_amount
  from spans
  join model_days
    on model_days.account_id = spans.account_id and model_days.day in (spans.starts_at::date, spans.previous_starts_at::date)
  join known_days on known_days.account_id = spans.account_id
  where spans.period = 'last_day'
  group by all
)
select
  account_id,
  period,
  model,
  currency,
  starts_at at time zone 'UTC' as starts_at,
  until_at at time zone 'UTC' as until_at,
  previous_starts_at at time zone 'UTC' as previous_starts_at,
  previous_until_at at time zone 'UTC' as previous_until_at,
  amount,
  previous_amount,
  amount - previous_amount as change,
  case when previous_amount > 0 then try_cast(100 * (amount - previous_amount) / previous_amount as decimal(18, 1)) end
    as change_percent
from (
  from accounts_changed
  union all
  from months_changed
  union all
  from days_changed
);
