-- spend.preview_models: one row per account, version of the invoice preview and model. Sum over models of one version; never over versions, each repeats the month.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts
-- period_start: start of the billing period, inclusive, UTC
-- period_end: end of the billing period, exclusive, UTC
-- observed_at: when a load first saw this version, UTC
-- currency: ISO 4217 code of the lines, upper case
-- model: what the description names, such as `openai/gpt-5.5`; the description itself where it names none
-- provider: what stands before the model's first slash; `workers-ai` for names that begin with @; NULL without a slash
-- description: the lines' descriptions as sent; different ones are joined by ` | `
-- lines: how many lines were added up
-- quantity: sum of the quantities as sent; their unit is unknown
-- gross: major units, before credits
-- credits: major units, positive: what reduces the lines
-- net: gross minus credits
--
-- Model names are parsed as best effort: a word with a slash whose first part begins with a letter or `@`, and whose rest
-- holds a digit or a hyphen. Lines of the same model are added up.
create or replace view spend.preview_models as
with
credits as (
  select
    _dlt_parent_id as line_id,
    sum(amount) as amount
  from ai_gateway_billing.invoice_preview__invoice_lines__pretax_credit_amounts
  group by all
),
lines as (
  select
    lines._dlt_parent_id as version_id,
    upper(trim(lines.currency)) as currency,
    coalesce(nullif(trim(lines.description), ''), '(no description)') as description,
    nullif(regexp_extract(lines.description, '@?[A-Za-z][\w.-]*(/[\w.:@-]+)*/[\w.:@-]*[\d-][\w.:@-]*'), '') as named,
    lines.quantity,
    lines.amount as gross,
    coalesce(credits.amount, 0)::decimal(38, 18) as credits
  from ai_gateway_billing.invoice_preview__invoice_lines as lines
  left join credits on credits.line_id = lines._dlt_id
),
models as (
  select
    version_id,
    currency,
    coalesce(named, description) as model,
    string_agg(distinct description, ' | ' order by description) as description,
    count(*) as lines,
    sum(quantity) as quantity,
    sum(gross) as gross,
    sum(credits) as credits
  from lines
  group by all
)
-- A version that comes back has the same id again, and its lines are stored once: this join serves both.
select
  versions.account_id,
  date_trunc('month', versions.period_start at time zone 'UTC')::date as billing_month,
  versions.period_start,
  versions.period_end,
  versions._dlt_valid_from as observed_at,
  models.currency,
  models.model,
  case
    when models.model like '@%/%' then 'workers-ai'
    when models.model like '%_/_%' and models.model not like '% %' then split_part(models.model, '/', 1)
  end as provider,
  models.description,
  models.lines,
  models.quantity,
  (models.gross * coalesce(currencies.major_per_minor, 0.01))::decimal(38, 20) as gross,
  (models.credits * coalesce(currencies.major_per_minor, 0.01))::decimal(38, 20) as credits,
  ((models.gross - models.credits) * coalesce(currencies.major_per_minor, 0.01))::decimal(38, 20) as net
from ai_gateway_billing.invoice_preview as versions
join models on models.version_id = versions._dlt_id
left join spend.currencies on currencies.currency = models.currency;
