from spend.anomalies where day = '2026-11-03'
