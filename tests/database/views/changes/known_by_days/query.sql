from spend.changes where period <> 'last_day' or model is null
