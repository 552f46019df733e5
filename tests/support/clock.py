"""Time that passes only while somebody sleeps, and time that stands still."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, tzinfo

from support.constants import NOW

CLOCK_START_S = 1_000.0  # what a monotonic clock begins with means nothing, so it is not zero


class Clock:
    """Time that passes only while somebody sleeps. `sleeps` holds each wait in seconds, in order."""

    def __init__(self, start: datetime = NOW) -> None:
        self.start = start
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)

    @property
    def passed(self) -> float:
        """Seconds since the beginning."""
        with self._lock:
            return sum(self.sleeps)

    def monotonic(self) -> float:
        return CLOCK_START_S + self.passed

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)


class FrozenTime(datetime):
    """A `datetime` whose now is `NOW`, so that two loads of the same world write the same."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return NOW.astimezone(tz)
