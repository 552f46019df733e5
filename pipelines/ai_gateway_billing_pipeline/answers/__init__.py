"""Answers without SQL: a question becomes rows of the views, and rows become a table, CSV or JSON."""
