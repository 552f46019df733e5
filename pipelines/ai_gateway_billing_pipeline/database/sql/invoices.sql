-- spend.invoices: one row per account and invoice. Safe to sum amounts over invoices of one currency that are listed; drafts and voids are among them. For money asked for, sum billed.
-- account_id: Cloudflare account id
-- invoice_id: the API's id, or a stable surrogate when it gave none
-- created_at: when the invoice was made, UTC
-- month: first day of the UTC month of created_at
-- kind: `purchase_auto` or `purchase_manual` (of credit), `usage` (bills the month before), or `unknown`
-- is_purchase: it buys credit: a purchase, or unknown and not like the usage of the month before
-- status: draft, open, paid, uncollectible, void, or what the API adds
-- origin: where it came from, as sent: `auto`, `manual` and others
-- description: free text, as sent
-- currency: ISO 4217 code, upper case
-- amount_due: major units; of a purchase, the fee of 5 % is most likely in it
-- amount_paid: major units
-- amount_remaining: major units
-- billed: major units charged: what was paid, and what is still due of a listed open invoice; of a usage invoice only what credit did not cover, as far as known
-- age_days: whole days from created_at to when all of the account's invoices were last listed, at most a day ago
-- is_settled: nothing more is to be paid: paid, void, or nothing remaining of an invoice that is no draft
-- attempt_count: how often payment was tried
-- is_listed: the API still lists it, as far as known; it drops deleted drafts
-- last_listed_at: the newest whole list of invoices that counts it as listed, UTC; read once a day and when something does not fit
-- has_surrogate_id: true when the API gave no id
--
-- What the amounts of a usage invoice are is not documented: nothing, what credit did not cover, or the whole month. So
-- an amount below 80 % of the month's usage counts as what credit did not cover. Any other counts as far as the balance
-- was below zero when the invoice was made, and not at all where no balance was known: the credit behind it was paid
-- for before. An unknown invoice is like usage when it was made on the first five days of a month, for an amount within
-- 10 % of the usage of the month before; `check` lists those.
create or replace view spend.invoices as
with
listed as (
  select
    *,
    coalesce(kind, 'unknown') as known_kind,
    upper(trim(currency)) as code,
    created at time zone 'UTC' as made,
    max(last_listed_at) over (partition by account_id) as newest_list_at
  from ai_gateway_billing.invoices
),
valued as (
  select
    listed.*,
    date_trunc('month', made)::date as month,
    last_listed_at = newest_list_at as is_listed,
    spend.amount(amount_due * spend.major(code)) as due,
    spend.amount(amount_paid * spend.major(code)) as paid,
    spend.amount(amount_remaining * spend.major(code)) as remaining,
    paid + case when lower(status) = 'open' and is_listed then remaining else 0 end as asked
  from listed
),
versions as (
  select
    account_id,
    _dlt_valid_from as valid_from,
    spend.amount(credit_balance.balance * accounts.major_per_minor) as balance
  from ai_gateway_billing.credit_balance as credit_balance
  join spend.accounts using (account_id)
),
judged as (
  select
    valued.*,
    asked::double / nullif(usage.amount, 0)::double as share,
    known_kind = 'usage'
      or (known_kind = 'unknown' and asked > 0 and day(made) <= 5 and coalesce(share between 0.9 and 1.1, false))
      as is_usage,
    greatest(-versions.balance, 0) as debt
  from valued
  left join spend.monthly as usage
    on usage.account_id = valued.account_id
    and usage.month = valued.month - interval 1 month
    and usage.currency = valued.code
  asof left join versions on versions.account_id = valued.account_id and versions.valid_from <= valued.created
)
select
  account_id,
  id as invoice_id,
  created as created_at,
  month,
  known_kind as kind,
  not is_usage as is_purchase,
  status,
  invoice_origin as origin,
  description,
  code as currency,
  due as amount_due,
  paid as amount_paid,
  remaining as amount_remaining,
  case when is_usage and coalesce(share, 1) >= 0.8 then least(asked, coalesce(debt, 0)) else asked end as billed,
  date_sub('day', made, newest_list_at at time zone 'UTC') as age_days,
  coalesce(
    lower(status) in ('paid', 'void')
    or (amount_remaining <= 0 and coalesce(lower(status), '') not in ('draft', 'uncollectible')),
    false
  ) as is_settled,
  attempt_count,
  is_listed,
  last_listed_at,
  has_surrogate_id
from judged;
