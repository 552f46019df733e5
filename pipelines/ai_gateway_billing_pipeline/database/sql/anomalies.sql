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
before as (
  select
    account_id,
    day + 7 * weeks::integer as day,
    cost,
    level
  from levels
  cross join range(1, 9) as ages (weeks)
),
alike as (
  select
    levels.account_id,
    levels.day,
    before.cost * greatest(0.1, least(10, coalesce(levels.level / before.level, 1))) as cost
  from levels
  join before using (account_id, day)
),
usual as (
  select
    account_id,
    day,
    median(cost) as expected,
    count(*) as weeks
  from alike
  group by account_id, day
),
spread as (
  select
    account_id,
    day,
    greatest(1.4826 * median(abs(alike.cost - usual.expected)), 0.3 * abs(any_value(usual.expected))) as deviation
  from alike
  join usual using (account_id, day)
  group by account_id, day
),
judged as (
  select
    levels.account_id,
    levels.day,
    levels.currency,
    levels.amount,
    case when usual.weeks >= 4 then usual.expected end as expected,
    (levels.cost - usual.expected) / greatest(spread.deviation, 0.01 * accounts.major_per_minor) as score,
    abs(levels.cost - usual.expected) >= 100 * accounts.major_per_minor as is_much,
    coalesce(usual.weeks, 0) as weeks
  from levels
  left join usual using (account_id, day)
  left join spread using (account_id, day)
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
