"""What time it is. All that is loaded is dated by the API's clock, since this machine's may be wrong."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ai_gateway_billing.api.client import Client

TOLD_FROM = timedelta(minutes=3)
"""From this difference on people are told: so much no network takes."""
EXACT = timedelta(seconds=5)
"""A `date` header has whole seconds and was on its way: up to this, both clocks say the same."""

log = logging.getLogger(__name__)


class Now(NamedTuple):
    """A moment, UTC. `is_sure`: this machine and the API agree on it."""

    moment: datetime
    is_sure: bool


def now_at(client: Client, here: Callable[[], datetime], trusts_here: bool = False) -> Now:
    """The API's time; this machine's, `here`, where both agree, where the API tells none, or where it is trusted.

    Warns when they do not agree. May send a request.
    """
    there, moment = client.api_time(), here().astimezone(UTC)
    ahead = moment - (there or moment)
    if abs(ahead) >= TOLD_FROM:
        log.warning(
            "%s %s",
            in_words(ahead),
            "Its time is taken all the same, because of --trust-clock."
            if trusts_here
            else "Cloudflare's time is taken. Synchronise it with NTP, or give --trust-clock if it is the right one.",
        )
    correction = timedelta() if trusts_here or abs(ahead) <= EXACT else ahead
    return Now(moment - correction, there is not None and abs(ahead) < TOLD_FROM)


def ahead_of(client: Client, here: Callable[[], datetime]) -> timedelta | None:
    """How far this machine's clock is ahead of the API's, negative when behind. None when the API does not tell."""
    there = client.api_time()
    return None if there is None else here() - there


def in_words(ahead: timedelta) -> str:
    """The difference in a sentence."""
    seconds = abs(ahead).total_seconds()
    unit, size = next(each for each in (("days", 86400), ("hours", 3600), ("minutes", 60)) if seconds >= 2 * each[1])
    side = "ahead of" if ahead > timedelta() else "behind"
    return f"This machine's clock is {seconds / size:.0f} {unit} {side} Cloudflare's."
