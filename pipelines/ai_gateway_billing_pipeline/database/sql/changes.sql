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
-- Both times of each span, in whole days and the hours of the day that it ends in.
sides as (
  select
    *,
    case when is_now then starts_at else previous_starts_at end as from_at,
    case when is_now then until_at else previous_until_at end as to_at,
    to_at::date as last_day,
    epoch(to_at)::bigint % 86400 // 3600 as last_hours
  from spans
  cross join (values (true), (false)) as sides (is_now)
),
hours as (
  select
    sides.account_id,
    sides.period,
    sides.is_now,
    sum(spend.amount(hours.aggregated_value * accounts.major_per_usage_unit)) as amount
  from sides
  join spend.accounts using (account_id)
  join ai_gateway_billing.usage_hourly as hours
    on hours.account_id = sides.account_id
    and epoch_us(hours.bucket_start) // 86400000000 = epoch(sides.last_day)::bigint // 86400
    and epoch_us(hours.bucket_start) // 3600000000 % 24 < sides.last_hours
  group by all
),
known as (
  select
    sides.account_id,
    sides.period,
    sides.is_now,
    sum(days.amount) filter (where days.day < sides.last_day) as amount,
    count(*) filter (where days.day < sides.last_day and days.is_complete) as days_known,
    coalesce(bool_or(days.day = sides.last_day and days.source = 'hour' and days.hours_known >= last_hours), false) as knows_hours
  from sides
  join days on days.account_id = sides.account_id and days.day between sides.from_at::date and sides.last_day
  group by all
),
sums as (
  select
    sides.*,
    case
      when known.days_known = date_diff('day', from_at, to_at) and (last_hours = 0 or known.knows_hours)
      then coalesce(known.amount, 0) + coalesce(hours.amount, 0)
    end as side_amount
  from sides
  left join known using (account_id, period, is_now)
  left join hours using (account_id, period, is_now)
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
    any_value(side_amount) filter (where is_now) as amount,
    any_value(side_amount) filter (where not is_now) as previous_amount
  from sums
  group by all
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
