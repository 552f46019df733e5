-- spend.preview_models: one row per account, version of the invoice preview and model. Sum over models of one version; never over versions, as each repeats the month so far.
-- account_id: Cloudflare account id
-- billing_month: first day of the UTC month in which the billing period starts
-- observed_at: when a load first saw this version, UTC
-- is_newest: no later version shows the same billing month
-- is_day_end: no later version shows the same billing month on the same UTC day
-- currency: ISO 4217 code of the lines, upper case
-- model: what the lines' description names, such as `openai/gpt-5.5`; the description itself where it names none
-- provider: what stands before the model's first slash; `workers-ai` for names that begin with @; NULL without a slash
-- description: the lines' descriptions as sent; different ones are joined by ` | `
-- lines: how many lines of the preview were added up
-- quantity: sum of the quantities as sent; their unit is unknown
-- gross: major units, before credits
-- credits: major units, positive: what reduces the lines
-- net: gross minus credits
--
-- Model names are parsed as best effort. A description that is nothing but `provider/model` names both, and so does one in
-- the form before 2026-09-01, `provider model Input Tokens` or `… Output Tokens`, the provider in small letters. Elsewhere
-- a word with a slash whose first part begins with a letter or @, and whose rest holds a digit or a hyphen, is the name.
-- Lines of the same model are added up, before and after that date alike.
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
    previews.account_id,
    previews.billing_month,
    previews.observed_at,
    previews.is_newest,
    previews.is_day_end,
    upper(trim(lines.currency)) as currency,
    coalesce(nullif(trim(lines.description), ''), '(no description)') as words,
    regexp_extract(
      words, '^([a-z][a-z0-9_.-]*) (@?[\w.:@/-]+) (?i:((cached|cache|read|write|reasoning|audio|image|text) )*(input|output) tokens)$',
      ['provider', 'name']
    ) as counted,
    case
      when regexp_full_match(words, '@?[A-Za-z][\w.-]*(/[\w.:@-]+)+') then words
      when starts_with(counted['name'], '@') then counted['name']
      when counted['name'] <> '' then counted['provider'] || '/' || counted['name']
      else nullif(regexp_extract(words, '@?[A-Za-z][\w.-]*(/[\w.:@-]+)*/[\w.:@-]*[\d-][\w.:@-]*'), '')
    end as named,
    coalesce(named, words) as model,
    lines.quantity,
    lines.amount as gross,
    coalesce(credits.amount, 0)::decimal(38, 18) as credits
  from spend.previews
  join ai_gateway_billing.invoice_preview__invoice_lines as lines on lines._dlt_parent_id = previews.version_id
  left join credits on credits.line_id = lines._dlt_id
),
-- A version that comes back has the same id again, while its lines are stored once: this join serves both.
models as (
  select
    account_id,
    billing_month,
    observed_at,
    is_newest,
    is_day_end,
    currency,
    model,
    any_value(named) as named,
    -- Only words that say more than the model: to keep those of all lines took a fifth of the time.
    list(words) filter (where words <> model) as other_words,
    bool_or(words = model) as has_bare_name,
    count(*) as lines,
    sum(quantity) as quantity,
    sum(gross) as gross,
    sum(credits) as credits
  from lines
  group by account_id, billing_month, observed_at, is_newest, is_day_end, currency, model
)
select
  models.account_id,
  models.billing_month,
  models.observed_at,
  models.is_newest,
  models.is_day_end,
  models.currency,
  models.model,
  case when starts_with(models.named, '@') then 'workers-ai' else nullif(split_part(models.named, '/', 1), '') end as provider,
  case
    when models.other_words is null then models.model
    else array_to_string(list_sort(list_distinct(
      case when models.has_bare_name then list_append(models.other_words, models.model) else models.other_words end
    )), ' | ')
  end as description,
  models.lines,
  models.quantity,
  spend.amount(models.gross * spend.major(currency)) as gross,
  spend.amount(models.credits * spend.major(currency)) as credits,
  spend.amount(models.gross * spend.major(currency))
    - spend.amount(models.credits * spend.major(currency)) as net
from models;
