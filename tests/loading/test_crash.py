"""A load that dies, at whatever point, and is run again leaves what one undisturbed load leaves."""

from __future__ import annotations

import ctypes
import errno
import functools
import multiprocessing.util
import os
import queue
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import processes
from support.processes import DieAtFileEvent, Place, Run, Step, assert_same, at, call_of, die, move_on

pytestmark = processes.LOOPBACK


@dataclass
class Scene:
    """A world that has moved on since `base` was loaded, and what undisturbed loads make of it."""

    served: Place
    base: Path
    expected: Path
    expected_first: Path
    seconds: float

    def place(self, folder: Path, which: str = "later load") -> Place:
        """A folder with the database that was loaded before, or, for a first load, with nothing."""
        folder.mkdir(exist_ok=True)
        place = attributed(Place(folder, self.served.url, self.served.simulator))
        if which == "later load":
            shutil.copyfile(self.base, place.database)
        return place

    def check_after(self, place: Place, which: str = "later load") -> None:
        """The published file is the old one or the new one; and after one more load it is the new one."""
        expected, old = (self.expected, self.base) if which == "later load" else (self.expected_first, None)
        before = old.read_bytes() if old else None
        after = place.database.read_bytes() if place.database.exists() else None
        if after != before:
            assert_same(place.database, expected)
        place.load_well()
        assert_same(place.database, expected)
        assert sorted(path.name for path in place.working_folder.iterdir()) == ["dlt", "lock"]


def attributed(place: Place) -> Place:
    """The same, which from now on loads estimates as well."""
    place.options += ["--with", "attribution"]
    return place


@pytest.fixture(scope="module")
def scene(
    tmp_path_factory: pytest.TempPathFactory, record_testsuite_property: Callable[[str, object], None]
) -> Iterator[Scene]:
    folder, first = tmp_path_factory.mktemp("scene"), tmp_path_factory.mktemp("first")
    with processes.served(folder) as served:
        attributed(served).load_well()
        base = shutil.copyfile(served.database, folder / "base")
        move_on(served.simulator.world)
        before = os.times().elapsed
        served.load_well()
        seconds = os.times().elapsed - before
        attributed(Place(first, served.url, served.simulator)).load_well()
        Run.endings.clear()
        yield Scene(served, base, served.database, first / "billing.duckdb", seconds)
    record_testsuite_property("loads by exit code", dict(Run.endings))
    print(f"loads by exit code, of which {-signal.SIGKILL} are kills: {dict(Run.endings)}")  # noqa: T201


# --- at every step ---------------------------------------------------------------------------------------------------

STEPS = (  # those with a number were taken once before, in a rehearsal with a small file
    call_of("ai_gateway_billing_pipeline.loading.workspace", "Workspace.create"),
    call_of("ai_gateway_billing_pipeline.loading.workspace", "Workspace.begin"),
    call_of("ai_gateway_billing.api.accounts", "choose"),
    call_of("dlt", "Pipeline.sync_destination"),
    call_of("dlt", "Pipeline.extract"),
    call_of("dlt", "Pipeline.normalize"),
    call_of("dlt", "Pipeline.load"),
    call_of("ai_gateway_billing_pipeline.loading.bookkeeping", "write_settings"),
    call_of("ai_gateway_billing_pipeline.database.views", "apply"),
    call_of("ai_gateway_billing_pipeline.loading.bookkeeping", "prune"),
    call_of("ai_gateway_billing_pipeline.loading.access", "carry", 2),
    call_of("ai_gateway_billing_pipeline.loading.published", "_sync", 2),
    call_of("pathlib", "Path.replace", 2),
    call_of("ai_gateway_billing_pipeline.loading.workspace", "Workspace.publish"),
    call_of("ai_gateway_billing_pipeline.loading.workspace", "Workspace.discard"),
)
MARKS: dict[tuple[str, str], Any] = {
    ("Pipeline.load", "later load"): (),
    ("Path.replace", "later load"): pytest.mark.thorough,
}
"""Of the deaths that are not slow."""
LOADS = ("first load", "later load")


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def unforeseen() -> None:
    raise ZeroDivisionError("nobody thought of this")


EXHAUSTIVE = bool(os.environ.get("EXHAUSTIVE"))
"""Every step, every file operation, a hundred moments: an hour on two cores instead of a few minutes."""


def slow_unless(is_thorough: bool) -> Any:
    return pytest.mark.thorough if is_thorough else pytest.mark.slow


@pytest.mark.parametrize(
    ("step", "which"),
    [
        pytest.param(step, which, marks=MARKS.get((step[1], which), pytest.mark.slow), id=f"{which}, after {step[1]}")
        for step in STEPS
        for which in LOADS
        if (step[1], which) != ("carry", "first load")  # there is nothing yet to carry over
    ],
)
def test_killed_after_a_step(scene: Scene, tmp_path: Path, step: Step, which: str) -> None:
    place = scene.place(tmp_path, which)

    ending = place.run(prepare=at(step, die))

    assert ending.code == -signal.SIGKILL, ending
    scene.check_after(place, which)


WRITING = [
    step for step in STEPS[1:] if EXHAUSTIVE or step[1] in ("Workspace.begin", "Pipeline.load", "prune", "_sync")
]


@pytest.mark.parametrize(
    "step", [pytest.param(s, marks=() if s[1] == "Pipeline.load" else pytest.mark.slow, id=s[1]) for s in WRITING]
)
def test_a_full_disk_after_a_step_publishes_nothing(scene: Scene, tmp_path: Path, step: Step) -> None:
    place = scene.place(tmp_path)

    ending = place.run(prepare=at(step, full_disk))

    assert ending.code == 1
    assert "No space left on device" in ending.err
    assert "run again" in ending.err
    assert "Traceback" not in ending.err
    scene.check_after(place)


SIZES = (1_000, 5_000, 20_000, 50_000, 200_000, 500_000, 1_000_000, 2_000_000, 3_000_000)


@pytest.mark.parametrize("size", [pytest.param(n, marks=slow_unless(n == 1_000_000)) for n in SIZES])
def test_no_room_for_a_file_publishes_nothing(scene: Scene, tmp_path: Path, size: int) -> None:
    """Whichever file is the first that does not fit, dlt's or DuckDB's."""
    place = scene.place(tmp_path, "first load")

    ending = place.run(prepare=functools.partial(processes.small_files, size))

    assert ending.code == 1
    assert re.search(r"File too large|could not be written", ending.err), ending.err
    assert "Traceback" not in ending.err
    assert not place.database.exists()
    scene.check_after(place, "first load")


def mount_privately() -> None:
    """From here on this process has mounts of its own, which end with it."""
    own_mounts = 0x00020000
    if ctypes.CDLL(None).unshare(own_mounts):
        os._exit(NOT_PERMITTED)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def small_disk(size: int, folder: Path, after: Path) -> None:
    """Put a file system of so many bytes over the folder, for this process alone; copy what it holds in the end."""
    base = (folder / "billing.duckdb").read_bytes()
    mount_privately()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    os.chdir(folder)
    (folder / "billing.duckdb").write_bytes(base)
    multiprocessing.util.Finalize(None, functools.partial(shutil.copytree, folder, after), exitpriority=0)


NOT_PERMITTED = 77


@pytest.mark.slow
@pytest.mark.parametrize("times", [1.1, 2.0, 2.02, 2.04, 2.06, 2.1, 4.0])
def test_a_disk_that_is_full_publishes_all_or_nothing(scene: Scene, tmp_path: Path, times: float) -> None:
    place, after = scene.place(tmp_path / "disk"), tmp_path / "after"
    size = int(scene.base.stat().st_size * times)

    ending = place.run(prepare=functools.partial(small_disk, size, place.folder, after))

    if ending.code == NOT_PERMITTED:
        pytest.skip("mounting takes root")
    assert ending.code == (1 if times <= 2 else 0 if times >= 4 else ending.code), ending
    assert ending.code == 0 or re.search(r"No space left on device|could not be written", ending.err), ending.err
    assert "Traceback" not in ending.err
    scene.check_after(attributed(Place(after, place.url, place.simulator)))


def read_only_disk(folder: Path) -> None:
    """Let nobody write below the folder, for this process alone."""
    mount_privately()
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    os.chdir(folder)


@pytest.mark.slow
@pytest.mark.parametrize("which", LOADS)
def test_a_disk_that_is_read_only_is_named(scene: Scene, tmp_path: Path, which: str) -> None:
    place = scene.place(tmp_path, which)

    ending = place.run(prepare=functools.partial(read_only_disk, place.folder))

    if ending.code == NOT_PERMITTED:
        pytest.skip("mounting takes root")
    assert ending.code == 1
    assert re.search(r"Cannot write \S+billing\.duckdb\.load: Read-only file system", ending.err), ending.err
    scene.check_after(place, which)


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS if EXHAUSTIVE else STEPS[4::4], ids=lambda step: step[1])
def test_an_error_that_nobody_foresaw_publishes_nothing(scene: Scene, tmp_path: Path, step: Step) -> None:
    place = scene.place(tmp_path)

    ending = place.run(prepare=at(step, unforeseen))

    assert ending.code == 1
    assert "Unexpected error: nobody thought of this" in ending.err
    scene.check_after(place)


# --- anywhere --------------------------------------------------------------------------------------------------------

FILE_EVENTS = range(1, 340, 1 if EXHAUSTIVE else 20)
"""A load has about 330 of them. A number beyond the last one lets the load end well, which is checked all the same."""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "which"), [(n, which) for which in LOADS for n in FILE_EVENTS])
def test_killed_at_a_file_operation(scene: Scene, tmp_path: Path, number: int, which: str) -> None:
    place = scene.place(tmp_path, which)

    ending = place.run(prepare=DieAtFileEvent(number, str(tmp_path)))

    assert ending.code in (-signal.SIGKILL, 0), ending
    scene.check_after(place, which)


MOMENTS = 100 if EXHAUSTIVE else 12


@pytest.mark.parametrize("moment", [pytest.param(n, marks=slow_unless(n == MOMENTS * 3 // 4)) for n in range(MOMENTS)])
def test_killed_at_any_moment(scene: Scene, tmp_path: Path, moment: int) -> None:
    """By the clock, so that DuckDB's own writing is hit as well."""
    place = scene.place(tmp_path, LOADS[moment % 2])

    run = place.start()
    run.process.join(scene.seconds * moment / MOMENTS)
    run.process.kill()

    assert run.end().code in (-signal.SIGKILL, 0)
    scene.check_after(place, LOADS[moment % 2])


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(1, marks=pytest.mark.thorough),
        *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 37, 1 if EXHAUSTIVE else 8)),
    ],
)
def test_killed_while_a_request_is_under_way(scene: Scene, tmp_path: Path, number: int) -> None:
    place = scene.place(tmp_path)
    started: queue.Queue[Run] = queue.Queue()
    faults = scene.served.simulator.faults
    faults.add("mutate", nth=number, action=lambda _: started.get().process.kill())
    try:
        run = place.start()
        started.put(run)
        ending = run.end()
    finally:
        faults.clear()

    assert ending.code in (-signal.SIGKILL, 0)
    scene.check_after(place)


@pytest.mark.slow
def test_killed_again_and_again(scene: Scene, tmp_path: Path) -> None:
    """Each of the loads begins on what the one before left behind."""
    place = scene.place(tmp_path)

    for number in range(5, 330, 25):
        ending = place.run(prepare=DieAtFileEvent(number, str(tmp_path)))
        assert ending.code == -signal.SIGKILL

    scene.check_after(place)
    assert sum(path.stat().st_size for path in place.folder.rglob("*") if path.is_file()) < 40_000_000


# --- signals ---------------------------------------------------------------------------------------------------------


def raise_signal(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "step"),
    [
        (signal.SIGINT, call_of("dlt", "Pipeline.load")),
        *(
            pytest.param(signal.SIGTERM, each, marks=pytest.mark.slow)
            for each in (STEPS[1:] if EXHAUSTIVE else STEPS[1::4])
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_a_signal_ends_the_load_at_once(scene: Scene, tmp_path: Path, number: int, step: Step) -> None:
    place = scene.place(tmp_path)

    ending = place.run(prepare=at(step, functools.partial(raise_signal, number)))

    assert ending.code == 128 + number
    assert "Stopped." in ending.err
    assert "Traceback" not in ending.err
    scene.check_after(place)


@pytest.mark.parametrize(
    "waiting_for",
    [pytest.param("an answer", marks=pytest.mark.slow), pytest.param("its turn", marks=pytest.mark.thorough)],
)
def test_sigterm_does_not_wait_for_the_api(scene: Scene, tmp_path: Path, waiting_for: str) -> None:
    place = scene.place(tmp_path)
    arrived = threading.Event()
    faults = scene.served.simulator.faults
    faults.add("mutate", nth=1, action=lambda _: arrived.set())  # what is told to wait may send no second one
    faults.add(429, retry_after=600) if waiting_for == "its turn" else faults.add("timeout")
    try:
        run = place.start()
        assert arrived.wait(60)
        run.signal(signal.SIGTERM)
        ending = run.end(timeout_s=25)  # the answer, or its turn, would take longer
    finally:
        faults.clear()

    assert ending.code == 128 + signal.SIGTERM
    scene.check_after(place)
