from spend.budget where is_current
