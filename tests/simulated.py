"""An account loaded again and again while simulated days go by, as a schedule would, in seconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import DEMO_TOKEN, World
from support import Bench


def loaded_at(moments: Iterable[datetime], folder: Path, world: World, start: str) -> Bench:
    """The world loaded at each of these moments; versions are dated by them, not by the test's own clock."""
    bench = Bench(folder, world, start=start)
    bench.token = DEMO_TOKEN

    def clock() -> float:
        return bench.now.timestamp()

    with pytest.MonkeyPatch.context() as patch:
        # dlt dates a version by its load package, and packages by a clock of its own that never goes back.
        patch.setattr("dlt.common.storages.load_package.increasing_precise_time", clock)
        for bench.now in moments:
            bench.load_well()
    return bench
