"""A signal ends a load at once, whatever else listens to it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from ai_gateway_billing_pipeline.terminal import signals

BOTH = (signal.SIGINT, signal.SIGTERM)


class Ends:
    """Ends that would have been the process's."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []
        self.came = threading.Event()

    def __call__(self, number: int, sentence: str) -> None:
        self.seen.append((number, sentence))
        self.came.set()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    ends = Ends()
    monkeypatch.setattr(signals, "_end", ends)
    return ends


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in BOTH}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_ends_it(ends: Ends, number: signal.Signals) -> None:
    with signals.at_once("Stopped."):
        signal.raise_signal(number)
        ends.came.wait(5)

    assert ends.seen == [(number, "Stopped.")]


def test_a_handler_of_somebody_else_does_not_hold_it_up(ends: Ends) -> None:
    """As dlt's, which only takes a note and lets its workers finish."""
    with signals.at_once("Stopped."):
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.raise_signal(signal.SIGTERM)
        ends.came.wait(5)

    assert ends.seen == [(signal.SIGTERM, "Stopped.")]


def test_a_signal_that_was_ignored_stays_ignored(ends: Ends) -> None:
    """As with nohup, also when dlt then begins to listen to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.at_once("Stopped."):
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.raise_signal(signal.SIGINT)
        ends.came.wait(0.2)

    assert ends.seen == []


def test_afterwards_everything_is_as_before(ends: Ends) -> None:
    before = [signal.getsignal(number) for number in BOTH]

    with signals.at_once("Stopped."):
        pass

    assert [signal.getsignal(number) for number in BOTH] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_in_another_thread_signals_are_left_alone(ends: Ends) -> None:
    def inside() -> None:
        with signals.at_once("Stopped."):
            kept.append(signal.getsignal(signal.SIGTERM))

    kept: list[object] = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()

    assert kept == [signal.getsignal(signal.SIGTERM)]
