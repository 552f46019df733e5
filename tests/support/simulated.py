"""An account loaded again and again while simulated days go by, as a schedule would, in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import DEMO_START, DEMO_TOKEN, World, demo_world
from support.bench import Bench
from support.constants import NOW

PREVIEWED = [
    datetime(2026, 10, 31, 22, 0, tzinfo=UTC),
    *(datetime(2026, 11, day, 10, 30, tzinfo=UTC) for day in range(16, 22)),
]


def loaded_at(moments: Iterable[datetime], folder: Path, world: World, start: str) -> Bench:
    """The world loaded at each of these moments; versions are dated by them, not by the test's own clock."""
    bench = _bench(folder, world, start)
    with _dated(bench):
        for bench.now in moments:
            bench.load_well()
    return bench


def demo_account(folder: Path) -> Bench:
    """The demo's account at `NOW`. Its preview and balance were read on some days before as well."""
    bench = _bench(folder, demo_world(), f"{DEMO_START:%Y-%m-%d}")
    bench.attribution = {"attribution": True, "attribution_tags": ("team",)}
    with _dated(bench):
        for bench.now in PREVIEWED:
            bench.load_well(only=("invoice_preview", "credit_balance"))
        bench.now = NOW
        bench.load_well()
    return bench


def _bench(folder: Path, world: World, start: str) -> Bench:
    bench = Bench(folder, world, start=start)
    bench.token = DEMO_TOKEN
    return bench


@contextmanager
def _dated(bench: Bench) -> Iterator[None]:
    """dlt dates a version by its load package, and packages by a clock of its own that never goes back."""

    def clock() -> float:
        return bench.now.timestamp()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dlt.common.storages.load_package.increasing_precise_time", clock)
        yield
