"""Builds the database that the notebooks' committed outputs, the README's picture and the tests look at.

`python -m support.demo_history PATH` writes the demo's account as a fixed day saw it, after a load on each of the days
before, so that the same bytes of output come out of it on any day and any machine.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import time_machine

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_START, DEMO_TOKEN, World, demo_world
from support.bench import Bench
from support.constants import NOW
from support.once import made_once

DAYS_OF_LOADS = 14
EMPTY_ACCOUNT_ID = "e" * 32


def build(folder: Path, days_of_loads: int = DAYS_OF_LOADS) -> Path:
    """The demo's account: its preview and balance read on every day before, and everything at `NOW`."""
    bench = Bench(folder, demo_world(), start=f"{DEMO_START:%Y-%m-%d}")
    bench.token = DEMO_TOKEN
    bench.attribution = {"attribution": True, "attribution_tags": ("team",)}
    for days in range(days_of_loads, 0, -1):
        load(bench, NOW - timedelta(days=days), only=("invoice_preview", "credit_balance"))
    load(bench, NOW)
    return bench.database


@functools.cache
def built(what: str) -> Path:
    """The database of `demo`, `empty` or `young`, built once for all tests of a run."""
    return made_once(what, {"demo": build, "empty": build_empty, "young": build_young}[what])


def build_empty(folder: Path) -> Path:
    """An account that has never been used."""
    world = World()
    world.add_account(EMPTY_ACCOUNT_ID)
    world.add_token(DEMO_TOKEN)
    bench = Bench(folder, world, start="2026-11-01")
    bench.token = DEMO_TOKEN
    load(bench, NOW)
    return bench.database


def build_young(folder: Path) -> Path:
    """An account whose first use was yesterday afternoon."""
    world = World()
    world.add_generated_account(EMPTY_ACCOUNT_ID, start=NOW - timedelta(hours=18))
    world.add_token(DEMO_TOKEN)
    bench = Bench(folder, world, start="2026-11-21")
    bench.token = DEMO_TOKEN
    load(bench, NOW)
    return bench.database


def load(bench: Bench, now: datetime, **options: object) -> None:
    """One load at that time, which dlt too takes for the present."""
    bench.now = now
    load_id = "dlt.common.storages.load_package.increasing_precise_time"  # never goes back, whatever the clock says
    with time_machine.travel(now, tick=False), mock.patch(load_id, now.timestamp):
        bench.load_well("all" if DEMO_ACCOUNT_ID not in bench.world.accounts else [DEMO_ACCOUNT_ID], **options)


@contextmanager
def elsewhere() -> Iterator[Path]:
    """A folder for dlt's own files and for the working copy that a load keeps beside its database."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["DLT_DATA_DIR"] = name
        yield Path(name)


def main(target: Path) -> None:
    """Build it and put it there."""
    with elsewhere() as folder:
        target.write_bytes(build(folder).read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
