from spend.comparisons where place = 'preview_gross'
