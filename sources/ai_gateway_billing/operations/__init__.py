"""The few calls that change an account. Nothing that loads, reads or shows imports them."""
