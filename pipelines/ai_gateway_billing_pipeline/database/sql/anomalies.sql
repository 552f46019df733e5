-- spend.anomalies: one row per account and complete UTC day: was it unusual? Sum actual as spend.daily; expected and score are no money to sum.
-- account_id: Cloudflare account id
-- day: UTC day that is over and was read completely; the running day has no row, as nobody knows yet what it will cost
-- currency: ISO 4217 code, upper case
-- actual: spend of the day in major units, as spend.daily knows it now
-- expected: estimate: what such a weekday costs at the level of late, in major units; NULL without enough history
-- deviation: actual minus expected
-- score: deviation in robust standard deviations; NULL without enough history
-- is_anomaly: true for a score above 5 or below -3 that is at least 100 minor units (1.00 dollar); NULL without enough history
-- direction: `above` or `below` what was expected; NULL where is_anomaly is not true
-- weeks_compared: how many of the eight same weekdays before are complete; with less than 4 there is no verdict
--
-- Each of the same weekdays of the eight weeks before is brought to the level of now: multiplied with the median day of
-- the 14 days before this day, by the median day of the 14 days before that one. So neither quiet weekends nor slow
-- growth are unusual, and a lasting change of level is so for about a week. The factor is from a tenth to ten,
-- and 1 where a level is zero or rests on less than 7 days. Expected is the median of them. The standard deviation is 1.4826 times their median absolute
-- deviation, and at least 30 % of what is expected: so a spike is more than 2.5 times as much, a drop less than a tenth.
-- Usage may be reported late, so the newest days may seem too cheap. Calculated in floating point and rounded.
-- Measured by `make anomalies` on 200 made-up histories of 80 to 180 days, with noise of 10 to 35 %, quiet weekends, growth
-- and launches: it found 91 % of 437 spikes of 2 to 10 times the usual, and 92 % of what it told was one, or a silent day;
-- the week after a launch, in which it tells of the new level, is not counted.
create or replace view spend.anomalies as
with
levels as (
  select
    account_id,
    day,
    currency,
    amount,
    amount::double as cost,
    case when count(*) over recent >= 7 then nullif(greatest(median(amount::double) over recent, 0), 0) end as level
  from spend.daily
  where is_complete
  window recent as (
    partition by account_id order by day range between interval 14 days preceding and interval 1 day preceding
  )
),
-- From here on in one line, as a name that is read twice would keep a filter from the raw tables. Each day is put beside
-- the same weekdays before it, and is among them itself with weeks = 0.
beside as (
  select
    account_id,
    day + 7 * weeks::integer as day,
    any_value(currency) filter (where weeks = 0) as currency,
    any_value(amount) filter (where weeks = 0) as amount,
    any_value(cost) filter (where weeks = 0) as cost,
    any_value(level) filter (where weeks = 0) as level,
    list({'weeks': weeks, 'cost': cost, 'level': level}) as known
  from levels
  cross join range(0, 9) as ages (weeks)
  group by account_id, day + 7 * weeks::integer
  having min(weeks) = 0
),
alike as (
  select
    *,
    case when past.weeks > 0 then past.cost * greatest(0.1, least(10, coalesce(level / past.level, 1))) end as past_cost
  from (select *, unnest(known) as past from beside)
),
usual as (
  select
    account_id,
    day,
    any_value(currency) as currency,
    any_value(amount) as amount,
    any_value(cost) as cost,
    median(past_cost) as expected,
    count(past_cost) as weeks,
    list(past_cost) as past_costs
  from alike
  group by account_id, day
),
spread as (
  select
    account_id,
    day,
    any_value(currency) as currency,
    any_value(amount) as amount,
    any_value(cost) as cost,
    any_value(expected) as expected,
    any_value(weeks) as weeks,
    greatest(1.4826 * median(abs(past_cost - expected)), 0.3 * abs(any_value(expected))) as deviation
  from (select *, unnest(past_costs) as past_cost from usual)
  group by account_id, day
),
judged as (
  select
    account_id,
    day,
    spread.currency,
    amount,
    case when weeks >= 4 then expected end as expected,
    (cost - expected) / greatest(deviation, 0.01 * accounts.major_per_minor) as score,
    abs(cost - expected) >= 100 * accounts.major_per_minor as is_much,
    weeks
  from spread
  join spend.accounts using (account_id)
)
select
  account_id,
  day,
  currency,
  amount as actual,
  spend.estimate(expected) as expected,
  amount - spend.estimate(expected) as deviation,
  case when weeks >= 4 then greatest(-9999999, least(9999999, score))::decimal(9, 1) end as score,
  case when weeks >= 4 then is_much and (score > 5 or score < -3) end as is_anomaly,
  case when weeks < 4 then null when is_much and score > 5 then 'above' when is_much and score < -3 then 'below' end as direction,
  weeks as weeks_compared
from judged;
