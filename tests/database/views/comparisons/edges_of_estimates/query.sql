from spend.comparisons where place = 'estimate'
