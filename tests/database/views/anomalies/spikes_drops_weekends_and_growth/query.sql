from spend.anomalies where is_anomaly or day in ('2026-11-03', '2026-11-06', '2026-10-01') or day >= '2026-11-08'
