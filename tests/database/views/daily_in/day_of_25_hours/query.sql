from spend.daily_in('Europe/Berlin')
