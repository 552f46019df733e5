-- Credit that no automatic top-up renews lasts for the next days (--credit-days).
select
  'error' as severity,
  account_id,
  'The credit of ' || round(balance, 2)::decimal(38, 2) || ' ' || coalesce(currency, '') || case
      when days_left <= 0 then ' is used up'
      else ' lasts about ' || days_left || ' more days, until ' || runs_out_date
    end || ', and ' || case
      when auto_topup = 'off' then 'no automatic top-up is set up'
      when auto_topup = 'no card' then 'the automatic top-up has no card to charge'
      else 'the automatic top-up is ' || auto_topup || coalesce(': ' || rtrim(auto_topup_reason, '.'), '')
    end || '. ' || case
      when days_left <= 0 then 'It was used at '
      else 'It is used at '
    end || round(greatest(burn_per_day_7d, burn_per_day_30d), 2)::decimal(38, 2) || ' ' || coalesce(currency, '')
    || ' a day. Buy credit in the Cloudflare dashboard, or with aig-billing account topup.' as finding,
  '' as matter,
  mark(days_left <= 3, '3 days') || mark(days_left <= 1, '1 day') || mark(days_left <= 0, 'used up') as reached
from spend.runway
where days_left < $credit_days and auto_topup <> 'on' and greatest(burn_per_day_7d, burn_per_day_30d) > 0
