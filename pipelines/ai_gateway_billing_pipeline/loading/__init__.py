"""Runs a load: workspace, dlt, bookkeeping, publishing."""
