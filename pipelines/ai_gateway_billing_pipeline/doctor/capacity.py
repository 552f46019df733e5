"""How often the accounts of one token can be loaded within the requests that Cloudflare grants it.

An estimate: an ordinary load of an account asks seven times, the one that reads 35 days again sixteen times.
"""

from datetime import timedelta
from itertools import count

from ai_gateway_billing import turns
from ai_gateway_billing.api.endpoints import BUDGET

from .machine import Check

ORDINARY, DEEP = 7, 16
"""Requests an account: one per endpoint, and one more per four days of hours in the usage that is read again."""


def capacity(accounts: int) -> Check:
    """A warning when a load of these accounts cannot come once an hour."""
    granted, seconds = BUDGET
    hourly = int(granted * 3600 / seconds)
    ordinary, again = accounts * ORDINARY, _again(accounts)
    what = (
        f"{accounts:,} {'account needs' if accounts == 1 else 'accounts need'} about {ordinary:,} requests a load, and "
        f"{again:,} more once {'a day' if accounts <= turns.AT_ONCE else 'an hour'} to read 35 days again"
    )
    if ordinary + again > hourly:
        tokens = next(tokens for tokens in count(2) if _hour(-(-accounts // tokens)) <= hourly)
        return Check(
            "requests",
            "warn",
            f"{what}. A token may send {hourly:,} in an hour: it cannot load them every hour. Divide them among "
            f"{tokens} tokens, each with --shard.",
        )
    loads = (hourly - again) // ordinary
    return Check(
        "requests",
        "ok",
        f"{what}. A token may send {hourly:,} in an hour: {loads:,} {'load' if loads == 1 else 'loads'} an hour. "
        "Use the token in one process only.",
    )


def _hour(accounts: int) -> int:
    """What one load asks in an hour in which deep passes are made."""
    return accounts * ORDINARY + _again(accounts)


def _again(accounts: int) -> int:
    return min(accounts, turns.quota(accounts, timedelta(hours=1))) * (DEEP - ORDINARY)
