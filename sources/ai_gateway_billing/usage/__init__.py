"""Usage buckets over time: windows, cursors, coverage."""
