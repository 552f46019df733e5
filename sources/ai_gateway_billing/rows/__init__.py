"""Makes rows of answers and sends no requests."""
