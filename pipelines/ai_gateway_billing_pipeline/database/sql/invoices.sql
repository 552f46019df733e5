-- spend.invoices: one row per account and invoice. Safe to sum amounts over invoices of one currency that are listed; drafts and voids are among them.
-- account_id: Cloudflare account id
-- invoice_id: the API's id, or a stable surrogate when it gave none
-- created_at: when the invoice was made, UTC
-- month: first day of the UTC month of created_at
-- status: draft, open, paid, uncollectible, void, or what the API adds
-- origin: where it came from, as sent: `auto`, `manual` and others
-- description: free text, as sent
-- currency: ISO 4217 code, upper case
-- amount_due: major units; the purchase fee of 5 % is most likely in it
-- amount_paid: major units
-- amount_remaining: major units
-- age_days: whole days from created_at to when the account's invoices were last listed
-- is_settled: nothing more is to be paid: paid, void, or nothing remaining of an invoice that is no draft
-- attempt_count: how often payment was tried
-- is_listed: the account's newest list of invoices still holds it; the API drops deleted drafts
-- last_listed_at: the last load that found it, UTC
-- has_surrogate_id: true when the API gave no id
create or replace view spend.invoices as
with listed as (
  select
    *,
    max(last_listed_at) over (partition by account_id) as newest_list_at
  from ai_gateway_billing.invoices
)
select
  listed.account_id,
  listed.id as invoice_id,
  listed.created as created_at,
  date_trunc('month', listed.created at time zone 'UTC')::date as month,
  listed.status,
  listed.invoice_origin as origin,
  listed.description,
  upper(trim(listed.currency)) as currency,
  (listed.amount_due * coalesce(currencies.major_per_minor, 0.01)) as amount_due,
  (listed.amount_paid * coalesce(currencies.major_per_minor, 0.01)) as amount_paid,
  (listed.amount_remaining * coalesce(currencies.major_per_minor, 0.01)) as amount_remaining,
  date_sub('day', listed.created at time zone 'UTC', listed.newest_list_at at time zone 'UTC') as age_days,
  coalesce(
    lower(listed.status) in ('paid', 'void')
    or (listed.amount_remaining <= 0 and coalesce(lower(listed.status), '') not in ('draft', 'uncollectible')),
    false
  ) as is_settled,
  listed.attempt_count,
  listed.last_listed_at = listed.newest_list_at as is_listed,
  listed.last_listed_at,
  listed.has_surrogate_id
from listed
left join spend.currencies on currencies.currency = upper(trim(listed.currency));
