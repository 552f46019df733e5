-- spend.focus: one row per account, UTC day, currency, gateway and model of usage, and one per invoice that asked for money: the charges as a FOCUS 1.3 Cost and Usage table. Within one BillingCurrency sum BilledCost (money asked for) or EffectiveCost (money used), never both together; ListCost and ContractedCost only within one ChargeCategory.
-- BilledCost: major units. Usage: 0, because credit or the invoice of its month covers it. Purchase: what was paid, and what is still due of an open invoice, the purchase fee included. Adjustment: the same of a usage invoice, as far as credit did not cover it
-- BillingAccountId: Cloudflare account id
-- BillingAccountName: the alias from the settings, else the account's name at Cloudflare; NULL when neither is known
-- BillingCurrency: ISO 4217 code, upper case
-- BillingPeriodEnd: exclusive, UTC
-- BillingPeriodStart: inclusive, UTC; x_BillingPeriodSource says where the period comes from
-- ChargeCategory: `Usage`, `Purchase` (of credit), or `Adjustment` (usage of a month that credit did not cover); the API shows no tax or credit apart
-- ChargeClass: NULL: what the API restates changes its row, there are no corrections beside it
-- ChargeDescription: of an invoice, its own words
-- ChargeFrequency: `Usage-Based` or `One-Time`
-- ChargePeriodEnd: end of the UTC day, or of the month that a usage invoice bills, exclusive
-- ChargePeriodStart: start of the UTC day of the usage or on which the purchase was made, or of the month that a usage invoice bills, inclusive
-- ContractedCost: as ListCost: the API shows no negotiated prices
-- EffectiveCost: major units. Usage: the credit used up. Others: 0, because the usage that they cover carries the cost
-- HostProviderName: `Cloudflare`: whose machines ran the models is not visible here
-- InvoiceId: Purchase and Adjustment: the API's id, or `surrogate_…` when it gave none. Usage: NULL, no invoice names the days it covers
-- InvoiceIssuerName: `Cloudflare`
-- ListCost: Usage: as EffectiveCost; others: as BilledCost. The API shows no list prices
-- PricingQuantity: amount of credit used, bought or asked for, in PricingUnit: credit is priced at its face value
-- PricingUnit: the currency of the credit
-- ProviderName: `Cloudflare`
-- PublisherName: `Cloudflare`
-- ServiceCategory: `AI and Machine Learning`
-- ServiceName: `AI Gateway`
-- ServiceProviderName: `Cloudflare`
-- ServiceSubcategory: `Generative AI`
-- SubAccountId: as BillingAccountId: a Cloudflare account is billed by itself and has none below it
-- SubAccountName: as BillingAccountName; the id where no name is known, as FOCUS wants one beside every SubAccountId
-- x_BillingPeriodSource: `invoice preview` when a preview's period contains the day, else `calendar month`
-- x_CurrencyIsAssumed: true when the API names no currency for the account, so that USD is a guess
-- x_GatewayIsEstimate: true when the day's usage was shared out over gateways and models by Cloudflare's analytics: each row is an estimate, the day's sum is exact; NULL for invoices
-- x_GatewayModel: model that the row is the share of; NULL where nothing is known of it
-- x_GatewayName: gateway that the row is the share of; NULL without attribution, and for usage that has no estimate
-- x_GatewayProvider: provider of that model
-- x_InvoiceOrigin: where the invoice came from, as sent; NULL for usage
-- x_InvoiceStatus: status of the invoice, as sent; NULL for usage
-- x_IsFinal: Usage: closed and past the 35 days of late events. Others: nothing more is to be paid
-- x_UsageSource: `hour` or `day`, the usage table that the day was taken from; NULL for invoices
-- x_UsageUnitAssumption: what aggregated_value was taken to be in, `cents` or `dollars`: a setting, the API does not say; NULL for invoices
--
-- Prepaid credit. A top-up is a Purchase that is billed and costs nothing by itself; using the credit is Usage that
-- costs and is not billed again. Over an account's whole life billed minus effective is the credit left plus the fees.
-- A usage invoice buys no credit: it has a row, an Adjustment, for what credit did not cover, as spend.invoices.billed
-- knows it; the usage behind it has its own rows. An invoice of unknown kind counts as spend.invoices.is_purchase says.
-- The fee of 5 % has no row: whether the invoices' amounts hold it is undocumented, so any split would be a guess, and
-- FOCUS wants the rows of an InvoiceId to add up to what the invoice asked for.
-- Billed is what was asked for, not what was paid: an open invoice counts in full until it is settled. A draft asks for
-- nothing yet. Void and uncollectible invoices ask for nothing any more: only what had been paid of them stays, and
-- their rows go if that is nothing. A status that the API adds counts with what was paid. A statement that credit
-- covers in full bills nothing and has no row, nor has an invoice without a date (spend.invoices shows both).
-- Usage is at the grain of a day, each from spend.daily, which never adds the API's daily and hourly figures. Days
-- without spend have no row. The API gives usage without model, gateway or user: only where spend.attribution shares a
-- day out by estimate has it a row for each gateway and model, and these add up to the day to the last digit.
create or replace view spend.focus as
with
usage as (
  select
    account_id,
    day,
    attribution.currency,
    'Usage' as category,
    'AI Gateway usage, drawn from credit' as description,
    'Usage-Based' as frequency,
    0 as billed,
    attribution.amount as effective,
    attribution.amount as face_value,
    null as invoice_id,
    null as invoice_origin,
    null as invoice_status,
    attribution.currency_is_assumed,
    attribution.is_final,
    daily.source as usage_source,
    unit as usage_unit,
    case when is_attributed then gateway end as gateway,
    provider,
    model,
    is_attributed
  from spend.attribution
  join spend.daily using (account_id, day)
  cross join spend.usage_unit
),
asked_for as (
  select
    account_id,
    case when is_purchase then (created_at at time zone 'UTC')::date else (month - interval 1 month)::date end as day,
    case when not is_purchase then month end as next_day,
    coalesce(nullif(invoices.currency, ''), accounts.currency) as currency,
    case when is_purchase then 'Purchase' else 'Adjustment' end as category,
    coalesce(nullif(trim(description), ''), 'AI Gateway invoice') as description,
    'One-Time' as frequency,
    billed,
    0 as effective,
    billed as face_value,
    invoice_id,
    origin as invoice_origin,
    status as invoice_status,
    invoices.currency = '' and accounts.currency_is_assumed as currency_is_assumed,
    is_settled as is_final,
    null as usage_source,
    null as usage_unit,
    null as gateway,
    null as provider,
    null as model,
    null as is_attributed
  from spend.invoices
  join spend.accounts using (account_id)
  where created_at is not null
),
charges as (
  select * from usage
  union all by name
  select * from asked_for
),
periods as (
  select
    account_id,
    period_start at time zone 'UTC' as starts_at,
    arg_max(period_end at time zone 'UTC', row(coalesce(_dlt_valid_to, 'infinity'), _dlt_valid_from)) as ends_at
  from ai_gateway_billing.invoice_preview
  group by all
)
select
  spend.amount(billed) as BilledCost,
  charges.account_id as BillingAccountId,
  accounts.account_name as BillingAccountName,
  charges.currency as BillingCurrency,
  case when ends_at > day then ends_at else date_trunc('month', day) + interval 1 month end at time zone 'UTC'
    as BillingPeriodEnd,
  case when ends_at > day then starts_at else date_trunc('month', day) end at time zone 'UTC' as BillingPeriodStart,
  category as ChargeCategory,
  null::varchar as ChargeClass,
  description as ChargeDescription,
  frequency as ChargeFrequency,
  coalesce(next_day, day + interval 1 day) at time zone 'UTC' as ChargePeriodEnd,
  day::timestamp at time zone 'UTC' as ChargePeriodStart,
  spend.amount(face_value) as ContractedCost,
  spend.amount(effective) as EffectiveCost,
  'Cloudflare' as HostProviderName,
  invoice_id as InvoiceId,
  'Cloudflare' as InvoiceIssuerName,
  spend.amount(face_value) as ListCost,
  spend.amount(face_value) as PricingQuantity,
  charges.currency as PricingUnit,
  'Cloudflare' as ProviderName,
  'Cloudflare' as PublisherName,
  'AI and Machine Learning' as ServiceCategory,
  'AI Gateway' as ServiceName,
  'Cloudflare' as ServiceProviderName,
  'Generative AI' as ServiceSubcategory,
  charges.account_id as SubAccountId,
  coalesce(accounts.account_name, charges.account_id) as SubAccountName,
  case when ends_at > day then 'invoice preview' else 'calendar month' end as x_BillingPeriodSource,
  charges.currency_is_assumed as x_CurrencyIsAssumed,
  is_attributed as x_GatewayIsEstimate,
  model as x_GatewayModel,
  gateway as x_GatewayName,
  provider as x_GatewayProvider,
  invoice_origin as x_InvoiceOrigin,
  invoice_status as x_InvoiceStatus,
  is_final as x_IsFinal,
  usage_source as x_UsageSource,
  usage_unit as x_UsageUnitAssumption
from charges
join spend.accounts on accounts.account_id = charges.account_id
asof left join periods on charges.account_id = periods.account_id and charges.day >= periods.starts_at
where face_value <> 0;
