"""Jobs of several streams at once: each stream in its order, errors as results, what ends the process raised."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing.parallel import Workers


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

    found = list(Workers(at_once, lambda: rand.random() < 0.5).ordered(streams))

    for key, size in sizes.items():
        assert [result for other, result in found if other == key] == [(key, n) for n in range(size)]
    assert len(found) == sum(sizes.values())


def test_no_stream_and_empty_streams_yield_nothing() -> None:
    assert list(Workers(4).ordered({})) == []
    assert list(Workers(4).ordered({"a": []})) == []


def test_a_slow_stream_holds_up_no_other() -> None:
    finished = threading.Event()
    streams = {"slow": [finished.wait], "quick": [value(n) for n in range(50)]}
    found = []

    for key, _ in Workers(4).ordered(streams):
        found.append(key)
        if found == ["quick"] * 50:
            finished.set()

    assert found == ["quick"] * 50 + ["slow"]


def test_never_more_jobs_are_under_way_than_allowed() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    list(Workers(2).ordered({key: [job] * 20 for key in "abc"}))

    assert most <= 2


def test_quick_jobs_run_one_after_another_in_this_thread() -> None:
    places: list[int] = []
    jobs = [lambda: places.append(threading.get_ident())] * 6

    list(Workers(4, lambda: len(places) < 3).ordered({"a": jobs}))

    assert [place == threading.get_ident() for place in places] == [True] * 3 + [False] * 3


@pytest.mark.parametrize("error", [BillingError("refused"), ZeroDivisionError(), RecursionError(), MemoryError()])
@pytest.mark.parametrize("is_quick", [True, False])
def test_an_error_is_a_result_and_the_rest_goes_on(error: Exception, is_quick: bool) -> None:
    streams = {"a": [value(1), failing(error), value(3)]}
    found = list(Workers(1, lambda: is_quick).ordered(streams))

    assert found == [("a", 1), ("a", error), ("a", 3)]


@pytest.mark.parametrize("is_quick", [True, False])
def test_what_ends_the_process_is_raised(is_quick: bool) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(Workers(1, lambda: is_quick).ordered({"a": [failing(KeyboardInterrupt())]}))


def test_a_stream_that_keeps_failing_ends_early_and_no_other_with_it() -> None:
    error = BillingError("down")
    streams = {"a": [failing(error)] * 50, "b": [value(n) for n in range(50)]}

    found = list(Workers(2).ordered(streams, give_up_after=3))

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

    workers = Workers(at_once, lambda: rand.random() < 0.5)
    found = [key for key, _ in workers.ordered(streams, give_up_after=enough)]

    for key, size in sizes.items():
        assert min(size, enough) <= found.count(key) <= min(size, enough + at_once - 1)


def test_whoever_stops_listening_stops_the_rest() -> None:
    done: list[int] = []
    workers = Workers(2)
    found = workers.ordered({"a": [partial(done.append, n) for n in range(100)]})

    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator
    list(workers.ordered({"b": [value(1)]}))

    assert len(done) <= 4


def test_while_one_reader_waits_the_jobs_of_others_go_on() -> None:
    """The last of the other reader's jobs ends the wait of the first."""
    others_done = threading.Event()
    workers = Workers(2)
    found = workers.ordered({"waits": [partial(others_done.wait, 10)]})
    others = workers.ordered({"other": [*map(value, range(30)), others_done.set]})

    assert next(found) == ("waits", True)
    assert [result for _, result in others] == [*range(30), None]


def test_results_that_came_meanwhile_wait_for_nobody() -> None:
    done = threading.Event()
    workers = Workers(2)
    came = workers.ordered({"came": [value(1)]})
    list(workers.ordered({"read": [value(n) for n in range(9)]}))
    slow = workers.ordered({"slow": [partial(done.wait, 10)]})

    assert next(came) == ("came", 1)
    done.set()
    assert list(slow) == [("slow", True)]


def test_results_that_nobody_asks_for_are_not_piled_up() -> None:
    done: list[int] = []
    workers = Workers(2)
    ignored = workers.ordered({"ignored": [partial(done.append, n) for n in range(1000)]})

    list(workers.ordered({"read": [value(n) for n in range(1000)]}))
    before = len(done)
    list(ignored)

    assert before <= 64 + 2
    assert sorted(done) == list(range(1000))


def test_readers_in_threads_of_their_own_each_get_theirs() -> None:
    workers = Workers(3)
    readers = {name: workers.ordered({name: [value((name, n)) for n in range(200)]}) for name in "abcd"}

    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(readers, pool.map(list, readers.values()), strict=True))

    assert found == {name: [(name, (name, n)) for n in range(200)] for name in "abcd"}


@pytest.mark.parametrize("is_quick", [True, False])
def test_a_reader_may_end_while_another_goes_on(is_quick: bool) -> None:
    """As one does that is collected as garbage, at whatever moment."""
    workers = Workers(2, lambda: is_quick)
    ends = workers.ordered({"ends": [value(n) for n in range(9)]})

    found = [result for _, result in workers.ordered({"goes on": [value(1), ends.close, value(3)]})]  # type: ignore[attr-defined]

    assert found == [1, None, 3]
    assert list(ends) == []
