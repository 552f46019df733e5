"""Jobs of several streams at once: each stream in its order, errors as results, what ends the process raised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
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


def failing(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


def value(result: Any) -> Callable[[], Any]:
    return lambda: result


@given(st.dictionaries(st.integers(), st.integers(0, 20), max_size=5), st.integers(1, 8), st.randoms())
@settings(max_examples=50)
def test_every_job_comes_once_and_in_the_order_of_its_stream(sizes: dict[int, int], at_once: int, rand: Random) -> None:
    streams = {key: [value((key, n)) for n in range(size)] for key, size in sizes.items()}

    with ThreadPoolExecutor(4) as pool:
        found = list(parallel.ordered(pool, streams, at_once, is_quick=lambda: rand.random() < 0.5))

    for key, size in sizes.items():
        assert [result for other, result in found if other == key] == [(key, n) for n in range(size)]
    assert len(found) == sum(sizes.values())


def test_no_stream_and_empty_streams_yield_nothing(pool: ThreadPoolExecutor) -> None:
    assert list(parallel.ordered(pool, {}, 4)) == []
    assert list(parallel.ordered(pool, {"a": []}, 4)) == []


def test_a_slow_stream_holds_up_no_other(pool: ThreadPoolExecutor) -> None:
    finished = threading.Event()
    streams = {"slow": [finished.wait], "quick": [value(n) for n in range(50)]}
    found = []

    for key, _ in parallel.ordered(pool, streams, 4):
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


def test_quick_jobs_run_one_after_another_in_this_thread(pool: ThreadPoolExecutor) -> None:
    places: list[int] = []
    jobs = [lambda: places.append(threading.get_ident())] * 6

    list(parallel.ordered(pool, {"a": jobs}, 4, is_quick=lambda: len(places) < 3))

    assert [place == threading.get_ident() for place in places] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("error", [BillingError("refused"), ZeroDivisionError(), RecursionError(), MemoryError()])
@pytest.mark.parametrize("is_quick", [True, False])
def test_an_error_is_a_result_and_the_rest_goes_on(pool: ThreadPoolExecutor, error: Exception, is_quick: bool) -> None:
    streams = {"a": [value(1), failing(error), value(3)]}
    found = list(parallel.ordered(pool, streams, 1, is_quick=lambda: is_quick))

    assert found == [("a", 1), ("a", error), ("a", 3)]


@pytest.mark.parametrize("is_quick", [True, False])
def test_what_ends_the_process_is_raised(pool: ThreadPoolExecutor, is_quick: bool) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(parallel.ordered(pool, {"a": [failing(KeyboardInterrupt())]}, 1, is_quick=lambda: is_quick))


def test_a_stream_that_keeps_failing_ends_early_and_no_other_with_it(pool: ThreadPoolExecutor) -> None:
    error = BillingError("down")
    streams = {"a": [failing(error)] * 50, "b": [value(n) for n in range(50)]}

    found = list(parallel.ordered(pool, streams, 2, give_up_after=3))

    assert 3 <= [key for key, _ in found].count("a") <= 5  # those that were under way
    assert [result for key, result in found if key == "b"] == list(range(50))


@given(
    st.dictionaries(st.integers(), st.integers(0, 9), max_size=4), st.integers(1, 3), st.integers(1, 3), st.randoms()
)
@settings(max_examples=50)
def test_streams_that_fail_end_early_wherever_their_jobs_run(
    sizes: dict[int, int], at_once: int, enough: int, rand: Random
) -> None:
    streams = {key: [failing(OSError())] * size for key, size in sizes.items()}

    with ThreadPoolExecutor(4) as pool:
        quick = lambda: rand.random() < 0.5  # noqa: E731
        found = [key for key, _ in parallel.ordered(pool, streams, at_once, give_up_after=enough, is_quick=quick)]

    for key, size in sizes.items():
        assert min(size, enough) <= found.count(key) <= min(size, enough + at_once - 1)


def test_whoever_stops_listening_stops_the_rest(pool: ThreadPoolExecutor) -> None:
    done: list[int] = []
    found = parallel.ordered(pool, {"a": [partial(done.append, n) for n in range(100)]}, 2)

    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator
    pool.shutdown()

    assert len(done) <= 4
