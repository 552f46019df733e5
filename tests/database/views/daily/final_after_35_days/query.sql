from spend.daily where day < '2026-11-01'
