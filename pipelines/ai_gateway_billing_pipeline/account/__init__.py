"""Looks at an account or changes it, shown first and confirmed."""
