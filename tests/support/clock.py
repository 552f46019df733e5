"""The repository's root, the moment that tests call now, and time that passes only while somebody sleeps."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
CLOCK_START_S = 1_000.0  # what a monotonic clock begins with means nothing, so it is not zero

ZONE = os.environ.get("TEST_TZ", "UTC")
"""The time zone of the host that the tests pretend to be on: `TEST_TZ=Asia/Kolkata make test` is elsewhere."""


class Clock:
    """Time that passes only while somebody sleeps. `sleeps` holds each wait in seconds, in order."""

    def __init__(self, start: datetime = NOW) -> None:
        self.start = start
        self.sleeps: list[float] = []
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)

    def monotonic(self) -> float:
        with self._lock:
            return CLOCK_START_S + sum(self.sleeps)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic() - CLOCK_START_S)
