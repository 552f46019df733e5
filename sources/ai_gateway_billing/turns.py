"""Whose turn it is with what is done for every account once in 24 hours: few at once, many one after the other."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

EVERY = timedelta(hours=24)
WITHIN = 2 * EVERY
"""Later than this after the last time, no account waits for its turn."""
AT_ONCE = 100
"""Up to so many accounts have their turn in one load; of more, it is spread over the loads of a day."""


def quota(accounts: int, elapsed: timedelta) -> int:
    """How many accounts have their turn in a load, so that all had it in a day. `elapsed`: since the load before."""
    return accounts if accounts <= AT_ONCE else max(AT_ONCE, -(-accounts * elapsed // EVERY))


def elapsed(kept: dict[str, Any], now: datetime, accounts: int, *, is_scheduled: bool) -> timedelta:
    """The time since the last scheduled load of many accounts, which `kept` remembers; a day when none is known."""
    before = kept.get("spread_at")
    if is_scheduled and accounts > AT_ONCE:
        kept["spread_at"] = now.isoformat()
    return now - datetime.fromisoformat(before) if before else EVERY


def due(last: Mapping[str, datetime], accounts: int, now: datetime, elapsed: timedelta) -> set[str]:
    """Of all `accounts` those whose turn it is: due the longest, up to the quota. `last`: when each had it last.

    Accounts whose last turn is too long ago, or ahead of now, come on top of it: else those that fail each time would
    take the others' turns.
    """
    is_due = {each for each, at in last.items() if not now - EVERY < at <= now}
    if accounts <= AT_ONCE:
        return is_due
    waiting = [each for each in is_due if now - WITHIN <= last[each] <= now]
    waiting.sort(key=lambda each: (last[each], sha256(each.encode()).digest()))
    return is_due.difference(waiting[quota(accounts, elapsed) :])
