from spend.by_model_daily where observed_at is not null
