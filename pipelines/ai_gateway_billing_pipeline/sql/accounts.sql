-- spend.accounts: one row per account that any raw table knows. Its currency and how fresh its data are; nothing is to be summed.
-- account_id: Cloudflare account id
-- currency: ISO 4217 code, upper case: that of the newest preview, else of the newest invoice, else USD
-- currency_is_assumed: true when nothing that the API said names a currency, so that USD is a guess
-- major_per_usage_unit: what one unit of aggregated_value is worth in major units; from spend.usage_unit
-- major_per_minor: what one minor unit (cent) is worth in major units
-- as_of: when the API was last heard of this account, UTC; no view knows anything later
create or replace view spend.accounts as
with
heard as (
  select account_id, max(read_at) as heard_at from ai_gateway_billing.usage_coverage group by all
  union all
  select account_id, max(bucket_start) as heard_at from ai_gateway_billing.usage_hourly group by all
  union all
  select account_id, max(bucket_start) as heard_at from ai_gateway_billing.usage_daily group by all
  union all
  select account_id, max(last_listed_at) as heard_at from ai_gateway_billing.invoices group by all
  union all
  select account_id, max(_dlt_valid_from) as heard_at from ai_gateway_billing.invoice_preview group by all
  union all
  select account_id, max(_dlt_valid_from) as heard_at from ai_gateway_billing.credit_balance group by all
  union all
  select account_id, max(_dlt_valid_from) as heard_at from ai_gateway_billing.topup_config group by all
),
named as (
  select account_id, upper(trim(currency)) as currency, 1 as preference, _dlt_valid_from as heard_at
  from ai_gateway_billing.invoice_preview
  union all
  select account_id, upper(trim(currency)) as currency, 2 as preference, created as heard_at
  from ai_gateway_billing.invoices
),
chosen as (
  select account_id, currency
  from named
  where currency <> ''
  qualify row_number() over (partition by account_id order by preference, heard_at desc nulls last, currency) = 1
),
known as (
  select
    account_id,
    max(heard_at) as as_of
  from heard
  group by all
)
select
  known.account_id,
  coalesce(chosen.currency, 'USD') as currency,
  chosen.currency is null as currency_is_assumed,
  case usage_unit.unit when 'dollars' then 1 else coalesce(currencies.major_per_minor, 0.01) end::decimal(5, 4)
    as major_per_usage_unit,
  coalesce(currencies.major_per_minor, 0.01)::decimal(5, 4) as major_per_minor,
  known.as_of
from known
cross join spend.usage_unit
left join chosen using (account_id)
left join spend.currencies on currencies.currency = coalesce(chosen.currency, 'USD');
