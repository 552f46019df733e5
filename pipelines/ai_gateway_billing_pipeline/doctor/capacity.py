"""How often the accounts of one token can be loaded within the requests that Cloudflare grants it.

An estimate: an ordinary load of an account asks seven times, the one that reads 35 days again fifteen times.
"""

import math

from ai_gateway_billing.api.endpoints import BUDGET

from .machine import Check

ORDINARY, DEEP = 7, 15
"""Requests an account: one per endpoint, and one more per four days of hours in the usage that is read again."""


def capacity(accounts: int) -> Check:
    """A warning when a load of these accounts cannot come once an hour."""
    granted, seconds = BUDGET
    hourly = granted * 3600 / seconds
    loads, needed = hourly / (accounts * ORDINARY), accounts * ORDINARY
    what = f"{accounts} {'account needs' if accounts == 1 else 'accounts need'} about {needed:,} requests a load"
    if loads < 1:
        return Check(
            "requests",
            "warn",
            f"{what}, and a token may send {hourly:,.0f} in an hour: it cannot load them every hour. Divide them among "
            f"{math.ceil(1 / loads)} tokens, each with --shard.",
        )
    once_a_day = "" if accounts * DEEP <= hourly else ", but for the one load a day that reads 35 days again"
    return Check(
        "requests",
        "ok",
        f"{what}, of {hourly:,.0f} that a token may send in an hour: {loads:,.0f} loads an hour{once_a_day}. Use the "
        "token in one process only.",
    )
