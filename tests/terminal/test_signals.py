"""A signal ends a load at once, whatever else listens to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_gateway_billing_pipeline.terminal import signals

BOTH = (signal.SIGINT, signal.SIGTERM)


class Ends:
    """Ends that would have been the process's."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def __call__(self, number: int, sentence: str) -> None:
        self.seen.append((number, sentence))


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    ends = Ends()
    monkeypatch.setattr(signals, "end_process", ends)
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

    assert ends.seen == [(number, "Stopped.")]


def test_dlt_leaves_the_signals_alone(ends: Ends, tmp_path: Path) -> None:
    """Its own handler would only take a note and let its workers finish."""
    import dlt

    def rows() -> Iterator[dict[str, int]]:
        signal.raise_signal(signal.SIGTERM)
        yield {"n": 1}

    with signals.at_once("Stopped."):
        pipeline = dlt.pipeline("p", pipelines_dir=str(tmp_path), destination=dlt.destinations.duckdb(":memory:"))
        pipeline.extract(dlt.resource(rows, name="rows"))

    assert ends.seen == [(signal.SIGTERM, "Stopped.")]


def test_a_long_call_into_the_database_does_not_hold_it_up() -> None:
    code = """
import duckdb, sys
from ai_gateway_billing_pipeline.terminal import signals
with signals.at_once("Stopped."), duckdb.connect() as connection:
    print("begun", flush=True)
    connection.execute("select sum(a.range * b.range) from range(10000000) a, range(10000000) b").fetchall()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)  # the query would take days

    assert process.returncode == 143
    assert err.endswith(b"Stopped.\n")


def test_a_signal_that_was_ignored_stays_ignored(ends: Ends) -> None:
    """As with nohup."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.at_once("Stopped."):
        signal.raise_signal(signal.SIGINT)

    assert ends.seen == []


def test_afterwards_everything_is_as_before(ends: Ends) -> None:
    before = [signal.getsignal(number) for number in BOTH]

    with signals.at_once("Stopped."):
        pass

    assert [signal.getsignal(number) for number in BOTH] == before


def test_in_another_thread_signals_are_left_alone(ends: Ends) -> None:
    def inside() -> None:
        with signals.at_once("Stopped."):
            kept.append(signal.getsignal(signal.SIGTERM))

    kept: list[object] = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()

    assert kept == [signal.getsignal(signal.SIGTERM)]
