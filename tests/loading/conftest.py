"""What is loaded where nothing depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.bench import Bench
from support.constants import DAY, HOUR


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One account with a day of hours, the day before now."""
    made = Bench(tmp_path, start="2026-11-20")
    account = made.account()
    for hour in range(24):
        account.set_hour(made.now.replace(hour=0, minute=0) - DAY + hour * HOUR, hour)
    return made
