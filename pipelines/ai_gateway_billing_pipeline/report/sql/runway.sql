select * from spend.runway where account_id = $account
