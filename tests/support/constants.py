"""What many tests agree on: the moment that they call now, whose account it is, and the token that reads it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
"""A Sunday, half past ten: within a running hour, a running day and a running month."""
TODAY = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

TOKEN = "a-token-that-opens-nothing-0123456789"
ACCOUNT = "a" * 32
OTHER = "b" * 32

ZONE = os.environ.get("TEST_TZ", "UTC")
"""The time zone of the host that the tests pretend to be on: `TEST_TZ=Asia/Kolkata make test` is elsewhere."""
