"""A load into a store that dies and is run again leaves there what undisturbed loads leave in the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from support import processes
from support.lake import Lake
from support.lockstep import Ask, assert_same, contents
from support.postgres import Database
from support.processes import Place, Step, at, call_of, die, move_on

pytestmark = [processes.LOOPBACK, pytest.mark.stores]

EXTRACTED = call_of("dlt", "Pipeline.extract")
MERGED = call_of("ai_gateway_billing_pipeline.loading.atomic", "Merging._merge")
COMMITTED = call_of("dlt", "Pipeline.load")
VIEWS_STORED = call_of("ai_gateway_billing_pipeline.loading.lakes", "store_views")
OPTIONS = ["--start", "2026-11-01", "--shard", "eu"]


@dataclass
class Scene:
    """A world as it was and as it has become, both served, and the file after a load of the one, then of the other."""

    was: Place
    is_now: Place
    old: Path
    new: Path

    def place(self, folder: Path, destination: str, *, now: bool) -> Place:
        """Loads into this destination."""
        served = self.is_now if now else self.was
        return Place(folder, served.url, served.simulator, OPTIONS).into(destination)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder, later = tmp_path_factory.mktemp("was"), processes.world_of(200)
    move_on(later)
    with processes.served(folder, processes.world_of(200)) as was, processes.served(folder, later) as is_now:
        was.options = is_now.options = OPTIONS
        was.load_well()
        old = shutil.copyfile(was.database, folder / "old.duckdb")
        is_now.load_well()
        yield Scene(was, is_now, old, was.database)


@contextmanager
def asking(file: Path) -> Iterator[Ask]:
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield lambda query: connection.execute(query).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("destination", "step"),
    [
        *(("postgres", step) for step in (EXTRACTED, MERGED, COMMITTED)),
        *(("ducklake", step) for step in (MERGED, VIEWS_STORED)),
    ],
)
def test_a_load_that_is_killed_and_run_again_leaves_what_undisturbed_ones_leave(
    scene: Scene, tmp_path: Path, request: pytest.FixtureRequest, destination: str, step: Step
) -> None:
    store: Database | Lake = request.getfixturevalue({"ducklake": "lake"}.get(destination, destination))
    scene.place(tmp_path, destination, now=False).load_well()
    place = scene.place(tmp_path, destination, now=True)

    killed = place.run(prepare=at(step, die))
    with store.asking() as ask:
        left = merged(ask)
    place.load_well("--wait", "60")  # until the server has noticed that the holder of the lock is gone

    assert killed.code == -9
    with asking(scene.new if step in (COMMITTED, VIEWS_STORED) else scene.old) as expected:
        assert left == merged(expected)
    with store.asking() as ask, asking(scene.new) as expected:
        assert_same(ask, expected, destination)


def merged(ask: Ask) -> dict[str, list[tuple[str, ...]]]:
    """Some of what a load merges at once."""
    held = contents(ask)
    return {table: held[table] for table in ("usage_hourly", "usage_coverage", "invoice_preview", "load_status")}
