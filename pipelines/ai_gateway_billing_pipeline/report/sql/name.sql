select account_name from spend.accounts where account_id = $account
