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
days as (
  select
    *,
    max(
      case when source = 'hour' then day::timestamp + to_hours(hours_known) when is_complete then day + interval 1 day end
    ) filter (where hours_known > 0) over (partition by account_id) as until_at,
    max(day) filter (where is_complete) over (partition by account_id) as last_day
  from spend.daily
),
spans as (
  select
    account_id,
    period,
    currency,
    starts_at,
    ends_at as until_at,
    starts_at - case period when 'week' then interval 7 day when 'month' then interval 1 month else interval 1 day end
      as previous_starts_at,
    least(previous_starts_at + (ends_at - starts_at), starts_at) as previous_until_at
  from (
    select
      account_id,
      currency,
      unnest(['day', 'week', 'month', 'last_day']) as period,
      unnest([
        date_trunc('day', until_at - interval 1 microsecond),
        date_trunc('week', until_at - interval 1 microsecond),
        date_trunc('month', until_at - interval 1 microsecond),
        last_day::timestamp
      ]) as starts_at,
      unnest([until_at, until_at, until_at, last_day + interval 1 day]) as ends_at
    from days
    where day = (until_at - interval 1 microsecond)::date
  )
  where starts_at is not null
),
-- Days that hours are known of are taken from these, others as a whole; none before the first that is asked for.
hours as (
  select
    days.account_id,
    case when days.source = 'hour' then hourly.hour at time zone 'UTC' else days.day::timestamp end as began,
    case when days.source = 'hour' then interval 1 hour else interval 1 day end as lasts,
    case when days.source = 'hour' then hourly.amount else days.amount end as amount
  from days
  left join spend.hourly
    on hourly.account_id = days.account_id and hourly.day = days.day and days.source = 'hour'
  where (days.source = 'day' and days.is_complete or hourly.is_complete)
    and days.day >= least(date_trunc('month', until_at - interval 1 microsecond) - interval 1 month, last_day - interval 1 day)
),
sums as (
  select
    spans.account_id,
    spans.period,
    spans.currency,
    spans.starts_at,
    spans.until_at,
    spans.previous_starts_at,
    spans.previous_until_at,
    sum(hours.amount) filter (where began >= starts_at and began + lasts <= until_at) as amount,
    sum(epoch(lasts)) filter (where began >= starts_at and began + lasts <= until_at) as seconds,
    sum(hours.amount) filter (where began >= previous_starts_at and began + lasts <= previous_until_at) as previous_amount,
    sum(epoch(lasts)) filter (where began >= previous_starts_at and began + lasts <= previous_until_at) as previous_seconds
  from spans
  left join hours on hours.account_id = spans.account_id and hours.began >= previous_starts_at and hours.began < until_at
  group by all
),
accounts_changed as (
  select
    account_id,
    period,
    null::varchar as model,
    currency,
    starts_at,
    until_at,
    previous_starts_at,
    previous_until_at,
    case when seconds >= epoch(until_at) - epoch(starts_at) then amount end as amount,
    case when previous_seconds >= epoch(previous_until_at) - epoch(previous_starts_at) then previous_amount end as previous_amount
  from sums
),
shown as (
  select
    account_id,
    billing_month,
    observed_at,
    period_start at time zone 'UTC' as starts_at,
    observed_at at time zone 'UTC' as until_at
  from spend.previews
  where is_newest
  qualify billing_month = max(billing_month) over (partition by account_id)
),
-- The newest preview of all, and the version of the month before that was in force as long after its start.
compared as (
  select
    previews.account_id,
    previews.billing_month,
    previews.observed_at,
    shown.starts_at,
    shown.until_at,
    previews.billing_month = shown.billing_month as is_now,
    case
      when not is_now
      then least((previews.period_start at time zone 'UTC') + (shown.until_at - shown.starts_at), previews.period_end at time zone 'UTC')
    end as moment
  from spend.previews
  join shown using (account_id)
  where case
    when is_now then previews.observed_at = shown.observed_at
    else previews.billing_month = shown.billing_month - interval 1 month
      and previews.observed_at at time zone 'UTC' between moment - interval 1 day and moment
  end
  qualify row_number() over (partition by previews.account_id, is_now order by previews.observed_at desc) = 1
),
beside as (
  select
    *,
    max(moment) over (partition by account_id) as previous_until_at
  from compared
),
months_changed as (
  select
    account_id,
    'month' as period,
    models.model,
    models.currency,
    beside.starts_at,
    beside.until_at,
    beside.starts_at - interval 1 month as previous_starts_at,
    coalesce(
      previous_until_at, least(beside.starts_at - interval 1 month + (beside.until_at - beside.starts_at), beside.starts_at)
    ) as previous_until_at,
    coalesce(sum(models.gross) filter (where is_now), 0) as amount,
    case when previous_until_at is not null then coalesce(sum(models.gross) filter (where not is_now), 0) end as previous_amount
  from spend.preview_models as models
  join beside using (account_id, billing_month, observed_at)
  group by account_id, models.model, models.currency, beside.starts_at, beside.until_at, beside.previous_until_at
),
model_days as (
  select
    by_model_daily.account_id,
    by_model_daily.model,
    by_model_daily.currency,
    spans.starts_at,
    spans.until_at,
    spans.previous_starts_at,
    spans.previous_until_at,
    by_model_daily.day = spans.starts_at::date as is_now,
    by_model_daily.gross_allocated as amount,
    bool_or(is_now) over whole and bool_or(not is_now) over whole as is_known
  from spend.by_model_daily
  join spans using (account_id)
  where spans.period = 'last_day' and by_model_daily.day in (spans.starts_at::date, spans.previous_starts_at::date)
  window whole as (partition by by_model_daily.account_id)
),
days_changed as (
  select
    account_id,
    'last_day' as period,
    model,
    currency,
    starts_at,
    until_at,
    previous_starts_at,
    previous_until_at,
    coalesce(sum(amount) filter (where is_now), 0) as amount,
    coalesce(sum(amount) filter (where not is_now), 0) as previous_amount
  from model_days
  where is_known
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
