-- spend.accounts: one row per account that any raw table knows. Its currency and how fresh its data are; nothing is to be summed.
-- account_id: Cloudflare account id
-- account_name: the alias from the settings, else the name at Cloudflare as last heard; NULL when neither is known. Not unique
-- cloudflare_name: the account's name at Cloudflare as last heard, also where an alias takes its place
-- currency: ISO 4217 code, upper case: that of the newest preview, else of the newest invoice, else USD
-- currency_is_assumed: true when nothing that the API said names a currency, so that USD is a guess
-- major_per_usage_unit: what one unit of aggregated_value is worth in major units; from spend.usage_unit
-- major_per_minor: what one minor unit (cent) is worth in major units
-- as_of: when the API last answered for this account, UTC; no view shows anything later
-- last_listed_at: the last load that the API listed the account to, or let read it where it was named, UTC
-- is_gone: true once others have been listed for 35 days without it: then it is in neither spend.runway nor `check`
create or replace view spend.accounts as
with
heard as (
  select account_id, max(read_at) as heard_at, true as has_data
  from ai_gateway_billing.usage_coverage
  group by all
  union all by name
  select account_id, max(bucket_start) as heard_at, true as has_data
  from ai_gateway_billing.usage_hourly
  group by all
  union all by name
  select account_id, max(bucket_start) as heard_at, true as has_data
  from ai_gateway_billing.usage_daily
  group by all
  union all by name
  select
    account_id,
    max(_dlt_valid_from) as heard_at,
    true as has_data,
    max_by(currency, row(coalesce(_dlt_valid_to, 'infinity'), _dlt_valid_from)) filter (trim(currency) <> '') as previewed
  from ai_gateway_billing.invoice_preview
  group by all
  union all by name
  select
    account_id,
    max(last_listed_at) as heard_at,
    true as has_data,
    max_by(currency, row(coalesce(created, '-infinity'), currency)) filter (trim(currency) <> '') as invoiced
  from ai_gateway_billing.invoices
  group by all
  union all by name
  select account_id, max(_dlt_valid_from) as heard_at, true as has_data
  from ai_gateway_billing.credit_balance
  group by all
  union all by name
  select account_id, max(_dlt_valid_from) as heard_at, true as has_data
  from ai_gateway_billing.topup_config
  group by all
  union all by name
  select
    account_id,
    max(last_listed_at) as last_listed_at,
    max(max(last_listed_at)) over () as newest_list_at
  from ai_gateway_billing.load_status
  group by all
  union all by name
  select account_id, nullif(trim(name), '') as cloudflare_name, nullif(trim(alias), '') as alias
  from ai_gateway_billing.account_names
),
known as (
  select
    account_id,
    bool_or(has_data) as has_data,
    max(heard_at) as as_of,
    upper(trim(coalesce(max(previewed), max(invoiced)))) as named,
    max(last_listed_at) as last_listed_at,
    max(newest_list_at) as newest_list_at,
    max(cloudflare_name) as cloudflare_name,
    coalesce(max(alias), max(cloudflare_name)) as account_name
  from heard
  group by account_id
),
valued as (
  select known.*, unit.unit
  from known
  join (select any_value(unit) as unit, true as has_data from spend.usage_unit) as unit using (has_data)
),
-- All in one value, and no cross join before: so that DuckDB works out a part of a plan once that is there several times.
facts as (
  select account_id, any_value(valued) as fact
  from valued
  group by account_id
)
select
  account_id,
  fact.account_name,
  fact.cloudflare_name,
  coalesce(fact.named, 'USD') as currency,
  fact.named is null as currency_is_assumed,
  case fact.unit when 'dollars' then 1 else spend.major(fact.named) end::decimal(5, 4) as major_per_usage_unit,
  spend.major(fact.named) as major_per_minor,
  fact.as_of,
  fact.last_listed_at,
  coalesce(fact.last_listed_at < fact.newest_list_at - to_seconds(spend.gone_seconds()), false) as is_gone
from facts;
