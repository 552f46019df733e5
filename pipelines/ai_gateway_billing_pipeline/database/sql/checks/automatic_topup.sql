-- An automatic top-up that is set up works and has a card.
select
  'error' as severity,
  account_id,
  case
      when auto_topup = 'no card' then 'The automatic top-up has no card to charge'
      else 'The automatic top-up is ' || auto_topup || coalesce(': ' || rtrim(auto_topup_reason, '.'), '')
    end || coalesce(' (last on ' || strftime(last_failed_at at time zone 'UTC', '%Y-%m-%d') || ')', '') || '. '
    || coalesce('The credit is ' || round(balance, 2)::decimal(38, 2) || ' ' || coalesce(currency, '') || '. ', '')
    || 'Put the card or the top-up right in the Cloudflare dashboard.' as finding,
  '' as matter,
  [auto_topup] as reached
from spend.runway
where auto_topup in ('failing', 'disabled', 'no card')
