-- spend.reconciliation: one row per account and UTC month: does what the API says in different places agree? Every column is the same money: sum none with another.
-- account_id: Cloudflare account id
-- month: first UTC day of the month
-- currency: ISO 4217 code, upper case: the account's; previews and invoices in others are left out
-- verdict: `agrees`, `differs by … %`, `looks like a unit error: factor 100`, or `not enough data`
-- reason: the places that the verdict rests on
-- hourly_sum: the month's hours, in major units by the unit that is set
-- daily_sum: the month's daily figures, likewise
-- preview_gross: lines of the month's newest preview, before credits
-- preview_net: the same lines after their credits
-- balance_drop: credit used between the versions of the balance in the month; top-ups are added back without their fee
-- invoices_paid: the month's paid purchases of credit, the fee included; no usage invoices
-- estimate_usd: estimate of the analytics in US dollars, over the complete days that have one
-- daily_ratio: daily figures by hours, over the days that both know completely
-- preview_gross_ratio: preview_gross by the spend until that preview
-- preview_net_ratio: preview_net by the spend until that preview
-- balance_ratio: balance_drop by the spend between those versions
-- invoices_ratio: credit bought, without the fee of 5 %, by the month's spend
-- estimate_ratio: estimate_usd by the spend of the same days
-- currency_is_assumed: true when the API names no currency for the account
--
-- spend.comparisons shows each comparison with the time that it spans, and says when one proves something. The preview
-- counts by gross or net, whichever is nearer, as it is not known which of them usage is. Hours and days come from one
-- meter: if they differ, that is said, but alone they cannot agree with anything.
create or replace view spend.reconciliation as
with
-- All that is said of a month, a row each.
said as (
  select
    account_id,
    month,
    place,
    amount,
    ratio,
    deviation,
    finding,
    row_number() over (
      partition by account_id, month, left(place, 7) order by finding is null, deviation, place
    ) = 1 as is_nearest
  from spend.comparisons
  union all by name
  select
    account_id,
    date_trunc('month', day)::date as month,
    source as place,
    sum(amount) as amount
  from spend.daily_sources
  group by account_id, date_trunc('month', day), source
  union all by name
  select
    account_id,
    month,
    'paid' as place,
    sum(amount_paid) as amount
  from spend.invoices
  join spend.accounts using (account_id, currency)
  where is_purchase
  group by account_id, month
),
places as (
  select
    account_id,
    month,
    max(amount) filter (where place = 'hour') as hourly_sum,
    max(amount) filter (where place = 'day') as daily_sum,
    max(amount) filter (where place = 'paid') as invoices_paid,
    max(amount) filter (where place = 'preview_gross') as preview_gross,
    max(amount) filter (where place = 'preview_net') as preview_net,
    max(amount) filter (where place = 'balance') as balance_drop,
    max(amount) filter (where place = 'estimate') as estimate_usd,
    max(ratio) filter (where place = 'estimate') as estimate_ratio,
    max(ratio) filter (where place = 'daily') as daily_ratio,
    max(ratio) filter (where place = 'preview_gross') as preview_gross_ratio,
    max(ratio) filter (where place = 'preview_net') as preview_net_ratio,
    max(ratio) filter (where place = 'balance') as balance_ratio,
    max(ratio) filter (where place = 'invoices') as invoices_ratio,
    max(deviation) filter (where is_nearest and finding = 'differs') as deviation,
    string_agg(place, ', ' order by place) filter (where is_nearest and finding = 'unit error') as in_error,
    string_agg(place, ', ' order by place) filter (where is_nearest and finding = 'differs') as differing,
    string_agg(place, ', ' order by place) filter (where is_nearest and finding = 'agrees') as agreeing,
    count(*) filter (where is_nearest and finding = 'agrees' and place <> 'daily') as witnesses
  from said
  group by account_id, month
)
select
  account_id,
  month,
  accounts.currency,
  case
    when in_error is not null then 'looks like a unit error: factor 100'
    when differing is not null then 'differs by ' || deviation || ' %'
    when witnesses > 0 then 'agrees'
    else 'not enough data'
  end as verdict,
  coalesce(in_error, differing, case when witnesses > 0 then agreeing end) as reason,
  hourly_sum,
  daily_sum,
  preview_gross,
  preview_net,
  balance_drop,
  invoices_paid,
  estimate_usd,
  daily_ratio,
  preview_gross_ratio,
  preview_net_ratio,
  balance_ratio,
  invoices_ratio,
  estimate_ratio,
  accounts.currency_is_assumed
from places
join spend.accounts using (account_id);
