from spend.estimate_vs_bill where period = 'day'
