from spend.budget where is_current or budget = 'day' and period_start = '2026-11-14'
