from spend.hourly where has_usage
