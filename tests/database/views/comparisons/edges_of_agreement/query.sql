from spend.comparisons where place in ('daily', 'preview_gross')
