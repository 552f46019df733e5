from spend.daily_in('Asia/Kolkata')
