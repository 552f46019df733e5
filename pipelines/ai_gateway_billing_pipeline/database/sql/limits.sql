-- spend.limits: one row per account and version of its spending limit and of its automatic top-up. Settings, not money spent: sum nothing.
-- account_id: Cloudflare account id
-- valid_from: when a load first saw these settings, UTC
-- valid_to: when a load first saw others, UTC; NULL for those in force
-- is_current: the settings in force
-- currency: ISO 4217 code, upper case: the account's, as the API gives settings none
-- spending_limit: Cloudflare's own limit in major units; NULL while it is not enabled, whatever amount is set
-- spending_limit_period: `day`, `week` or `month` that it is for, or what the API says otherwise
-- spending_limit_strategy: `fixed` or `sliding`, as sent
-- auto_topup: `on`, `off` (not set up), `failing`, `disabled`, or `no card`
-- auto_topup_reason: why it fails or is disabled, as the API words it
-- topup_threshold: an automatic top-up starts when the balance falls below this, in major units; NULL when it is off
-- topup_amount: credit that an automatic top-up adds, in major units; NULL when it is off
-- topup_cost: what the card is charged for it: the credit and the fee of 5 %
-- last_failed_at: when an automatic top-up last failed, UTC
-- has_card: a card is on file; NULL when never read. No digit of it is kept here
create or replace view spend.limits as
with
balances as (
  select
    account_id,
    _dlt_valid_from as valid_from,
    coalesce(_dlt_valid_to, 'infinity') as valid_to,
    has_default_payment_method as has_card,
    topup_config__amount as amount,
    topup_config__threshold as threshold,
    topup_config__disabled_reason as disabled_reason,
    topup_config__error as error,
    topup_config__last_failed_at as last_failed_at
  from ai_gateway_billing.credit_balance
),
topups as (
  select
    account_id,
    _dlt_valid_from as valid_from,
    coalesce(_dlt_valid_to, 'infinity') as valid_to,
    amount,
    threshold,
    disabled_reason,
    error,
    last_failed_at
  from ai_gateway_billing.topup_config
),
caps as (
  select
    account_id,
    _dlt_valid_from as valid_from,
    coalesce(_dlt_valid_to, 'infinity') as valid_to,
    case when enabled then config__amount end as amount,
    case when enabled then config__duration end as duration,
    case when enabled then config__strategy end as strategy
  from ai_gateway_billing.spending_limit
),
moments as (
  select account_id, valid_from as moment from balances
  union
  select account_id, valid_to from balances where valid_to <> 'infinity'
  union
  select account_id, valid_from from topups
  union
  select account_id, valid_to from topups where valid_to <> 'infinity'
  union
  select account_id, valid_from from caps
  union
  select account_id, valid_to from caps where valid_to <> 'infinity'
),
-- A version that ended without a next one left nothing in force: hence the condition on valid_to.
known as (
  select
    moments.account_id,
    moments.moment,
    case when caps.valid_to > moments.moment then caps.amount end as cap,
    case when caps.valid_to > moments.moment then caps.duration end as duration,
    case when caps.valid_to > moments.moment then caps.strategy end as strategy,
    case when topups.valid_to > moments.moment then topups end as topup,
    case when balances.valid_to > moments.moment then balances end as held
  from moments
  asof left join balances on balances.account_id = moments.account_id and balances.valid_from <= moments.moment
  asof left join topups on topups.account_id = moments.account_id and topups.valid_from <= moments.moment
  asof left join caps on caps.account_id = moments.account_id and caps.valid_from <= moments.moment
),
settings as (
  select
    account_id,
    moment,
    {
      'cap': cap,
      'period': spend.limit_period(duration),
      'strategy': strategy,
      'amount': coalesce(topup.amount, held.amount, 0),
      'threshold': coalesce(topup.threshold, held.threshold, 0),
      'disabled_reason': coalesce(topup.disabled_reason, held.disabled_reason),
      'error': coalesce(topup.error, held.error),
      'last_failed_at': coalesce(topup.last_failed_at, held.last_failed_at),
      'has_card': held.has_card
    } as terms
  from known
),
changed as (
  select *
  from settings
  qualify terms is distinct from lag(terms) over (partition by account_id order by moment)
),
versions as (
  select
    changed.account_id,
    moment as valid_from,
    lead(moment) over (partition by changed.account_id order by moment) as valid_to,
    accounts.currency,
    accounts.major_per_minor,
    terms,
    case
      when terms.amount <= 0 or terms.threshold <= 0 then 'off'
      when terms.disabled_reason is not null then 'disabled'
      when terms.error is not null then 'failing'
      when not terms.has_card then 'no card'
      else 'on'
    end as auto_topup
  from changed
  join spend.accounts using (account_id)
)
select
  account_id,
  valid_from,
  valid_to,
  valid_to is null as is_current,
  currency,
  spend.amount(terms.cap * major_per_minor) as spending_limit,
  terms.period as spending_limit_period,
  terms.strategy as spending_limit_strategy,
  auto_topup,
  coalesce(terms.disabled_reason, terms.error) as auto_topup_reason,
  case when auto_topup <> 'off' then spend.amount(terms.threshold * major_per_minor) end as topup_threshold,
  case when auto_topup <> 'off' then spend.amount(terms.amount * major_per_minor) end as topup_amount,
  case when auto_topup <> 'off' then spend.with_fee(spend.amount(terms.amount * major_per_minor)) end as topup_cost,
  terms.last_failed_at,
  terms.has_card
from versions;
