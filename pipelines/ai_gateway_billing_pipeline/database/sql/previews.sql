-- spend.previews: one row per account and version of the invoice preview, the running month's statement. Each version repeats the month so far: never sum over versions.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts
-- period_start: start of the billing period, inclusive, UTC
-- period_end: end of the billing period, exclusive, UTC
-- observed_at: when a load first saw this version, UTC
-- is_newest: no later version shows the same billing month
-- is_day_end: no later version shows the same billing month on the same UTC day
-- is_reopened: a later month had been shown before this version
-- status: draft, open, paid, uncollectible, void, or what the API adds
-- currency: ISO 4217 code, upper case
-- amount_due: major units, the month so far after credits, maybe with tax and rounding; not what a card will pay
-- version_id: the lines' _dlt_parent_id; a version that comes back has the same one again
create or replace view spend.previews as
with versions as (
  select
    *,
    date_trunc('month', period_start at time zone 'UTC')::date as billing_month,
    (_dlt_valid_from at time zone 'UTC')::date as day,
    upper(trim(currency)) as code,
    coalesce(_dlt_valid_to, 'infinity') as ended_at -- in this order versions followed each other, whatever clocks said
  from ai_gateway_billing.invoice_preview
)
select
  versions.account_id,
  versions.billing_month,
  versions.period_start,
  versions.period_end,
  versions._dlt_valid_from as observed_at,
  row_number() over (
    partition by versions.account_id, versions.billing_month order by ended_at desc, versions._dlt_valid_from desc
  ) = 1 as is_newest,
  row_number() over (
    partition by versions.account_id, versions.billing_month, versions.day
    order by ended_at desc, versions._dlt_valid_from desc
  ) = 1 as is_day_end,
  versions.billing_month < max(versions.billing_month) over (
    partition by versions.account_id order by versions.ended_at, versions._dlt_valid_from
  ) as is_reopened,
  versions.status,
  versions.code as currency,
  spend.amount(versions.amount_due * spend.major(versions.code)) as amount_due,
  versions._dlt_id as version_id
from versions;
