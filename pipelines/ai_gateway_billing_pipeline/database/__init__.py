"""Reads the database: views, checks, queries."""
