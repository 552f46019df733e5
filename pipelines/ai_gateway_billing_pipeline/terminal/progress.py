"""Shows how far a load is: bars on a terminal, a few plain lines anywhere else. Always on standard error."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ai_gateway_billing.outcome import Progress

from . import logs

if TYPE_CHECKING:
    from rich.progress import TaskID

Listener = Callable[[Progress], None]

OWN_BARS = 4
"""So many accounts have bars of their own; the others share one bar per resource."""
LINE_EVERY_S = 5.0
"""A long resource says how far it is at most so often, and at most every tenth of its way."""


@contextmanager
def shown() -> Iterator[Listener]:
    """A listener for a load's progress; what it shows ends with the context."""
    if not logs.shows_progress():
        yield Lines(lambda line: logs.tell(line, logging.INFO), time.monotonic).on
        return
    with _bars() as listener:
        yield listener


class Lines:
    """One line when a resource of an account is done, and now and then one on the way."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}
        self._failed: set[tuple[str, str]] = set()

    def on(self, progress: Progress) -> None:
        """Take note of a step."""
        key, tenth = progress[:2], _tenth(progress)
        now = self._clock()
        at, last = self._told.setdefault(key, (now, 0))
        if progress.failed:
            if key not in self._failed:
                self._write(f"{progress.account_id} {progress.resource}: failed")
            self._failed.add(key)
            return
        done = progress.done == progress.planned
        if done or (tenth > last and now - at >= LINE_EVERY_S):
            self._told[key] = now, tenth
            windows = f"{progress.done} of {progress.planned}" if progress.planned > 1 or not done else "done"
            self._write(f"{progress.account_id} {progress.resource}: {windows}")


def _tenth(progress: Progress) -> int:
    return 10 * progress.done // progress.planned if progress.planned else 10


@contextmanager
def _bars() -> Iterator[Listener]:
    from rich import console, progress  # noqa: PLC0415 - nothing but a terminal needs them

    columns = (
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True), transient=True) as display:
        yield Bars(
            display.add_task,
            lambda task, done, planned: display.update(task, completed=done, total=planned),
            lambda task, name: display.update(task, description=name),
        ).on


class Bars:
    """A bar per account and resource; accounts beyond the first few share one bar per resource."""

    def __init__(
        self,
        add: "Callable[[str], TaskID]",
        update: "Callable[[TaskID, int, int], object]",
        describe: "Callable[[TaskID, str], object]",
    ) -> None:
        self._add, self._update, self._describe = add, update, describe
        self._failed: set[tuple[str, str]] = set()
        self._own: set[str] = set()
        self._steps: dict[tuple[str, str], tuple[int, int]] = {}
        self._sums: dict[tuple[str, str], tuple[int, int]] = {}
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def on(self, progress: Progress) -> None:
        """Take note of a step."""
        if len(self._own) < OWN_BARS:
            self._own.add(progress.account_id)
        owner = progress.account_id if progress.account_id in self._own else ""
        key = owner, progress.resource
        name = f"{owner[:4]}…{owner[-4:]} {progress.resource}" if owner else f"other accounts {progress.resource}"
        if key not in self._tasks:
            self._tasks[key] = self._add(name)
        if progress.failed and key not in self._failed:
            self._failed.add(key)
            self._describe(self._tasks[key], f"{name}: {'failed' if owner else 'some failed'}")
        known_done, known_planned = self._steps.get(progress[:2], (0, 0))
        self._steps[progress[:2]] = progress.done, progress.planned
        done, planned = self._sums.get(key, (0, 0))
        self._sums[key] = done + progress.done - known_done, planned + progress.planned - known_planned
        self._update(self._tasks[key], *self._sums[key])
