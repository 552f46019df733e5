"""Estimates by UTC hour: which hours to ask for, and rows of what the analytics say of them."""
