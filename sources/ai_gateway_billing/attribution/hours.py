"""Which UTC hours of estimates a load reads: the last days again, all that is new, and nothing that is gone for good.

The analytics forget after 31 days, so hours that no load read in time are a gap for ever.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from ai_gateway_billing.usage.cursors import Extent
from ai_gateway_billing.usage.windows import floor, midnight, running_end

HOUR = timedelta(hours=1)
LOOKBACK_DAYS = 4
"""So many whole UTC days before today are read again, because estimates are restated."""
_WIDEST = timedelta(hours=96)
_MARGIN = timedelta(minutes=10)
"""What a load may last before the oldest hour that it asks for is gone."""


class Stretch(NamedTuple):
    """Time from `start` to `end`, exclusive."""

    start: datetime
    end: datetime

    def hours(self) -> list[datetime]:
        """The start of each UTC hour in it."""
        return [self.start + n * HOUR for n in range((self.end - self.start) // HOUR)]

    def halves(self) -> "tuple[Stretch, Stretch] | None":
        """Two parts that meet at a full hour or, within one, at a full minute. None for a single minute."""
        step = HOUR if self.end - self.start > HOUR else timedelta(minutes=1)
        middle = self.start + (self.end - self.start) // step // 2 * step
        return None if middle == self.start else (Stretch(self.start, middle), Stretch(middle, self.end))


class Plan(NamedTuple):
    """What to read, and the hours that can no longer be read though some before them were."""

    reach: Stretch
    gap: Stretch | None = None

    def windows(self, widest_s: int) -> Iterator[Stretch]:
        """The whole reach in windows of full hours, oldest first."""
        width = max(HOUR, min(_WIDEST, timedelta(seconds=widest_s)) // HOUR * HOUR)
        at = self.reach.start
        while at < self.reach.end:
            yield Stretch(at, min(at + width, self.reach.end))
            at += width


def plan(read_until: datetime | None, extent: Extent, kept_s: int) -> Plan:
    """What the next load reads. `read_until`: before it all hours were read; None before the first load."""
    oldest = floor("hour", extent.now - timedelta(seconds=kept_s) + _MARGIN) + HOUR
    end = running_end("hour", extent.now)
    if extent.backfill:
        first, last = (midnight(day) for day in extent.backfill)
        return Plan(Stretch(max(oldest, first), min(end, last + timedelta(days=1))))
    if read_until is None or extent.full_refresh:
        return Plan(Stretch(oldest, end))
    days = max(LOOKBACK_DAYS, extent.lookback_days or 0)
    again = floor("day", extent.now) - timedelta(days=days)
    gap = Stretch(read_until, oldest) if read_until < oldest else None
    return Plan(Stretch(max(oldest, min(again, read_until)), end), gap)
