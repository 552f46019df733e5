"""Asks Cloudflare's API and knows no rows."""
