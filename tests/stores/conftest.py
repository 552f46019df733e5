"""What the tests of other stores share."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import lake as lakes
from support.bench import Bench
from support.constants import DAY, HOUR


@pytest.fixture
def file_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> lakes.Lake:
    """An empty lake whose catalog is a DuckDB file."""
    return lakes.in_a_file("duckdb", tmp_path, monkeypatch)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One account with a day of hours, the day before now."""
    made = Bench(tmp_path, start="2026-11-20")
    account = made.account()
    for hour in range(24):
        account.set_hour(made.now.replace(hour=0, minute=0) - DAY + hour * HOUR, hour)
    return made
