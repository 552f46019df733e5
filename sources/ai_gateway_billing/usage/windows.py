"""UTC time cut into half-open windows `[start, end)` that the API accepts: aligned to full hours or UTC midnights.

The API answers HTTP 500 to unaligned bounds and gives at most 100 buckets a call without saying so, hence windows
of whole buckets, fewer than a hundred, and a way to split them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

Grouping = Literal["hour", "day"]

BUCKET: dict[Grouping, timedelta] = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
MAX_BUCKETS = 96
"""Four days of hours; below the API's hundred, so that a full window is not mistaken for a truncated one."""

HISTORY_STARTS = "2025-08-01"
"""The first UTC day that is read unless another is asked for."""
EARLIEST = date(2000, 1, 1)
"""Nobody's history begins earlier; asking for more would be a typing error, and millions of requests."""

DAY = BUCKET["day"]
LATE_EVENT_HORIZON = timedelta(days=35)
"""Usage events may be stamped this far back (documented by Stripe, whose meters the API passes on)."""


@dataclass(frozen=True, slots=True)
class Window:
    """An aligned stretch of UTC time, start inclusive and end exclusive, of buckets of one grouping."""

    grouping: Grouping
    start: datetime
    end: datetime

    @property
    def buckets(self) -> int:
        """How many buckets the window spans."""
        return (self.end - self.start) // BUCKET[self.grouping]

    def starts(self) -> list[datetime]:
        """The start of each bucket, oldest first."""
        step = BUCKET[self.grouping]
        return [self.start + n * step for n in range(self.buckets)]

    def days(self) -> list[date]:
        """The UTC days that the window touches, oldest first."""
        first = floor("day", self.start)
        count = -((first - self.end) // DAY)
        return [(first + n * DAY).date() for n in range(count)]

    def split(self) -> tuple["Window", "Window"]:
        """Two halves that meet at a bucket's edge. Only for windows of two buckets or more."""
        middle = self.start + (self.buckets // 2) * BUCKET[self.grouping]
        return Window(self.grouping, self.start, middle), Window(self.grouping, middle, self.end)

    def until(self, end: datetime) -> "Window | None":
        """The part before `end`, or None when nothing is left."""
        return Window(self.grouping, self.start, min(self.end, end)) if end > self.start else None


def floor(grouping: Grouping, instant: datetime) -> datetime:
    """The start of the bucket that holds `instant`."""
    instant = instant.astimezone(UTC)
    return instant.replace(hour=instant.hour if grouping == "hour" else 0, minute=0, second=0, microsecond=0)


def running_end(grouping: Grouping, now: datetime) -> datetime:
    """The end of the bucket that is still running at `now`."""
    return floor(grouping, now) + BUCKET[grouping]


def midnight(day: date) -> datetime:
    """The start of a UTC day."""
    return datetime.combine(day, time(), UTC)


def epoch_ms(instant: datetime) -> int:
    """Unix time in whole milliseconds, the unit of the API's query bounds."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def width_ms(grouping: Grouping) -> int:
    """How long a bucket is, in milliseconds."""
    return BUCKET[grouping] // timedelta(milliseconds=1)


def plan(grouping: Grouping, start: datetime, end: datetime) -> Iterator[Window]:
    """Consecutive windows that cover `[start, end)`, oldest first, each of at most `MAX_BUCKETS` whole buckets."""
    step = MAX_BUCKETS * BUCKET[grouping]
    at = floor(grouping, start)
    while at < end:
        yield Window(grouping, at, min(at + step, end))
        at += step


def lookback_start(now: datetime, days: int) -> datetime:
    """The UTC midnight that lies `days` whole days before the running day."""
    return floor("day", now) - timedelta(days=days)
