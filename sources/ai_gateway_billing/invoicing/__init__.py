"""Invoices over time: how far a load has to read, and what each invoice is for."""
