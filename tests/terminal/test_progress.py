"""How far a load is: lines that do not flood a log, bars that do not flood a terminal."""

from __future__ import annotations

import io
import re
import sys

import pytest
from rich.progress import TaskID

from ai_gateway_billing.outcome import Progress
from ai_gateway_billing_pipeline.terminal import progress
from ai_gateway_billing_pipeline.terminal.progress import Bars, Lines
from support.clock import Clock
from support.constants import ACCOUNT, OTHER


def walk(listener: progress.Listener, planned: int, clock: Clock, step_s: float = 0.0) -> None:
    """A resource from its first to its last window."""
    for done in range(planned + 1):
        listener(Progress(ACCOUNT, "usage_hourly", done, planned))
        clock.sleep(step_s)


def test_a_quick_resource_is_one_line(clock: Clock) -> None:
    lines: list[str] = []

    walk(Lines(lines.append, clock.monotonic).on, 100, clock)

    assert lines == [f"{ACCOUNT} usage_hourly: 100 of 100"]


def test_a_slow_resource_tells_each_tenth_of_its_way(clock: Clock) -> None:
    lines: list[str] = []

    walk(Lines(lines.append, clock.monotonic).on, 100, clock, step_s=10)

    assert lines == [f"{ACCOUNT} usage_hourly: {done} of 100" for done in range(10, 101, 10)]


def test_lines_on_the_way_keep_their_distance(clock: Clock) -> None:
    lines: list[str] = []

    walk(Lines(lines.append, clock.monotonic).on, 10, clock, step_s=progress.LINE_EVERY_S / 2)

    assert lines == [f"{ACCOUNT} usage_hourly: {done} of 10" for done in (2, 4, 6, 8, 10)]


@pytest.mark.parametrize("planned", [0, 1])
def test_a_single_step_is_just_done(clock: Clock, planned: int) -> None:
    lines: list[str] = []

    Lines(lines.append, clock.monotonic).on(Progress(ACCOUNT, "invoices", planned, planned))

    assert lines == [f"{ACCOUNT} invoices: done"]


def test_a_resource_that_fails_is_told_once_and_never_as_done(clock: Clock) -> None:
    lines: list[str] = []
    listener = Lines(lines.append, clock.monotonic).on

    listener(Progress(ACCOUNT, "usage_hourly", 0, 121))
    for done in range(119):
        clock.sleep(10)
        listener(Progress(ACCOUNT, "usage_hourly", done, 121, failed=True))

    assert lines == [f"{ACCOUNT} usage_hourly: failed"]


def test_without_a_terminal_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as listener:
        listener(Progress(ACCOUNT, "invoices", 1, 1))

    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ {ACCOUNT} invoices: done\n", err)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_are_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    with progress.shown() as listener:
        listener(Progress(ACCOUNT, "usage_hourly", 0, 7))
        listener(Progress(ACCOUNT, "usage_hourly", 3, 7))

    assert "aaaa…aaaa usage_hourly" in screen.getvalue()
    assert "3/7" in screen.getvalue()


class Screen:
    """What bars there are."""

    def __init__(self) -> None:
        self.bars: list[list[object]] = []

    def add(self, description: str) -> TaskID:
        self.bars.append([description, 0, 0])
        return TaskID(len(self.bars) - 1)

    def update(self, task: TaskID, done: int, planned: int) -> None:
        self.bars[task][1:] = [done, planned]

    def describe(self, task: TaskID, name: str) -> None:
        self.bars[task][0] = name


def test_each_of_a_few_accounts_has_its_bars() -> None:
    screen = Screen()
    bars = Bars(screen.add, screen.update, screen.describe)

    for account_id in (ACCOUNT, OTHER):
        bars.on(Progress(account_id, "usage_hourly", 1, 5))
    bars.on(Progress(OTHER, "usage_hourly", 2, 5))

    assert screen.bars == [["aaaa…aaaa usage_hourly", 1, 5], ["bbbb…bbbb usage_hourly", 2, 5]]


def test_many_accounts_share_a_bar() -> None:
    screen = Screen()
    bars = Bars(screen.add, screen.update, screen.describe)

    for number in range(progress.OWN_BARS + 100):
        bars.on(Progress(f"{number:032x}", "usage_hourly", 1, 5))

    assert len(screen.bars) == progress.OWN_BARS + 1
    assert screen.bars[-1] == ["other accounts usage_hourly", 100, 500]


def test_a_bar_says_that_its_resource_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "OWN_BARS", 1)
    screen = Screen()
    bars = Bars(screen.add, screen.update, screen.describe)

    for account_id in (ACCOUNT, OTHER):
        bars.on(Progress(account_id, "usage_hourly", 1, 121))
        bars.on(Progress(account_id, "usage_hourly", 1, 121, failed=True))
        bars.on(Progress(account_id, "usage_hourly", 2, 121))

    names = [bar[0] for bar in screen.bars]
    assert names == ["aaaa…aaaa usage_hourly: failed", "other accounts usage_hourly: some failed"]
    assert all(done != planned for _, done, planned in screen.bars)
