from spend.comparisons where place = 'invoices'
