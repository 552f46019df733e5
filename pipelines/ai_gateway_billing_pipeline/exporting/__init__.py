"""Hands views to other programs, as files."""
