"""Jobs of several streams at once: each stream in its order, errors of ours as results, everything else raised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing import parallel
from ai_gateway_billing.errors import BillingError


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def value(result: Any) -> Callable[[], Any]:
    return lambda: result


@given(st.dictionaries(st.integers(), st.integers(0, 20), max_size=5), st.integers(1, 8))
@settings(max_examples=50)
def test_every_job_comes_once_and_in_the_order_of_its_stream(sizes: dict[int, int], at_once: int) -> None:
    streams = {key: [value((key, n)) for n in range(size)] for key, size in sizes.items()}

    with ThreadPoolExecutor(4) as pool:
        found = list(parallel.ordered(pool, streams, at_once))

    assert all(result == (key, n) for key, n, result in found)
    for key, size in sizes.items():
        assert [n for other, n, _ in found if other == key] == list(range(size))


def test_no_stream_and_empty_streams_yield_nothing(pool: ThreadPoolExecutor) -> None:
    assert list(parallel.ordered(pool, {}, 4)) == []
    assert list(parallel.ordered(pool, {"a": []}, 4)) == []


def test_a_slow_stream_holds_up_no_other(pool: ThreadPoolExecutor) -> None:
    finished = threading.Event()
    streams = {"slow": [finished.wait], "quick": [value(n) for n in range(50)]}
    found = []

    for key, _, _ in parallel.ordered(pool, streams, 4):
        found.append(key)
        if found == ["quick"] * 50:
            finished.set()

    assert found == ["quick"] * 50 + ["slow"]


def test_never_more_jobs_are_under_way_than_allowed(pool: ThreadPoolExecutor) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    list(parallel.ordered(pool, {key: [job] * 20 for key in "abc"}, 2))

    assert most <= 2


def test_an_error_of_ours_is_a_result_and_the_rest_goes_on(pool: ThreadPoolExecutor) -> None:
    error = BillingError("refused")

    def fail() -> None:
        raise error

    found = list(parallel.ordered(pool, {"a": [value(1), fail, value(3)]}, 1))

    assert found == [("a", 0, 1), ("a", 1, error), ("a", 2, 3)]


def test_any_other_error_is_raised(pool: ThreadPoolExecutor) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(parallel.ordered(pool, {"a": [fail]}, 1))


def test_whoever_stops_listening_stops_the_rest(pool: ThreadPoolExecutor) -> None:
    done: list[int] = []
    found = parallel.ordered(pool, {"a": [partial(done.append, n) for n in range(100)]}, 2)

    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator
    pool.shutdown()

    assert len(done) <= 4
