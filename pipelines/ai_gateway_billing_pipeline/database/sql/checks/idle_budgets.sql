-- Every budget of the settings counts some account.
select
  'warning' as severity,
  '' as account_id,
  'Budget "' || name || '" counts nothing: no account that was loaded matches its accounts and its currency '
    || upper(currency) || '. Correct it in the settings, or load the account.' as finding,
  name as matter,
  []::varchar[] as reached
from ai_gateway_billing.budgets
where name not in (select budget from spend.budget where source = 'settings')
