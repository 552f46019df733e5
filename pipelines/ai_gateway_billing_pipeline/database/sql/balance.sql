-- spend.balance: one row per account and version of its credit balance. Sum change, topups and drawdown over versions; never sum balance.
-- account_id: Cloudflare account id
-- valid_from: when a load first saw this version, UTC
-- valid_to: when a load first saw another one, UTC; NULL for the version in force
-- is_current: the version in force
-- currency: ISO 4217 code, upper case: the account's, as the API gives balances none
-- balance: prepaid credit in major units; below zero it is owed
-- change: balance minus that of the version before; NULL for the first version
-- invoices_paid: paid purchases of credit made since the version before, the fee included; usage invoices buy none
-- topups: credit that was added since the version before, without the fee, as far as recognised; a debt that a usage invoice collected is among it
-- topup_source: `invoice` when paid invoices explain the credit, `jump` when only the balance's rise shows it
-- drawdown: credit that was used since the version before: topups minus change
-- currency_is_assumed: true when the API names no currency for the account
--
-- Credit costs 5 % on top, so a paid invoice of 52.50 adds 50.00. Whether the invoice history really contains the fee is
-- not documented; when the balance rose by more than that, but by no more than what was paid, the invoice counts in
-- full. A rise that invoices do not explain (a promotion, a refund) counts as a top-up of that size, which is its
-- lower bound. A usage invoice adds what credit did not cover, as spend.invoices knows it, to a balance below zero, and
-- nothing to any other.
create or replace view spend.balance as
with
valued as (
  select
    account_id,
    _dlt_valid_from as valid_from,
    _dlt_valid_to as valid_to,
    spend.amount(credit_balance.balance * accounts.major_per_minor) as balance,
    accounts.currency,
    accounts.currency_is_assumed
  from ai_gateway_billing.credit_balance as credit_balance
  join spend.accounts using (account_id)
),
versions as (
  select
    *,
    lag(valid_from) over history as previous_from,
    balance - lag(balance) over history as change,
    lag(balance) over history < 0 as had_debt
  from valued
  window history as (partition by account_id order by coalesce(valid_to, 'infinity'), valid_from)
),
paid as (
  select
    invoices.account_id,
    versions.valid_from,
    sum(invoices.amount_paid) filter (invoices.is_purchase) as amount,
    sum(invoices.billed) filter (not invoices.is_purchase and versions.had_debt) as collected
  from spend.invoices
  asof join versions
    on versions.account_id = invoices.account_id
    and versions.previous_from < invoices.created_at
  where invoices.amount_paid > 0
    and (invoices.created_at <= versions.valid_from) is true -- DuckDB 1.1 would take a bare one for a part of the asof
    and invoices.currency = versions.currency
  group by all
),
explained as (
  select
    versions.*,
    coalesce(paid.amount, 0) as invoices_paid,
    coalesce(paid.collected, 0) as collected,
    spend.credit_bought(coalesce(paid.amount, 0)) + coalesce(paid.collected, 0) as credited
  from versions
  left join paid using (account_id, valid_from)
),
recognised as (
  select
    *,
    case
      when change is null then null
      when credited > 0 and change <= credited then credited
      when credited > 0 and change <= invoices_paid + collected then invoices_paid + collected
      else greatest(change, 0)
    end as topups
  from explained
)
select
  account_id,
  valid_from,
  valid_to,
  valid_to is null as is_current,
  currency,
  balance,
  change,
  case when change is not null then invoices_paid end as invoices_paid,
  topups,
  case
    when topups > 0 and topups in (credited, invoices_paid + collected) then 'invoice'
    when topups > 0 then 'jump'
  end as topup_source,
  topups - change as drawdown,
  currency_is_assumed
from recognised;
