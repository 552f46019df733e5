from spend.daily_in('America/Los_Angeles')
