"""One run: what each answer came to, account by account; whatever an answer does is that account's failure alone."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from ai_gateway_billing.errors import BillingError, BillingPermissionError, ServerError, UnforeseenError
from ai_gateway_billing.extraction import Extraction, Runs
from ai_gateway_billing.outcome import Outcomes, Part
from ai_gateway_billing.usage.cursors import Extent
from support.constants import ACCOUNT, DAY, NOW, OTHER, TODAY

SECRET = "a-link-or-a-token-that-the-answer-quoted"


class FakeClient:
    """No network; only the API's clock, and how long it takes."""

    server_time: Any = None
    answers_at_once = False


def extraction(accounts: Any = (ACCOUNT, OTHER), **more: Any) -> Extraction:
    return Extraction(FakeClient(), accounts, Extent(TODAY - DAY, NOW), **more)  # type: ignore[arg-type]


def jobs(**of: Any) -> dict[str, Any]:
    """A job for each account that gives or raises what is given."""

    def work(result: Any) -> Any:
        if isinstance(result, BaseException):
            raise result
        return result

    return {
        {"one": ACCOUNT, "other": OTHER}[name]: [partial(work, each) for each in given] for name, given in of.items()
    }


def made(account_id: str, answer: Any) -> Part:
    if isinstance(answer, BaseException):
        raise answer
    return Part(answer, {"invoices": 1})


UNFORESEEN = [
    RecursionError(SECRET),
    MemoryError(SECRET),
    UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET),
    ValueError(SECRET),
    KeyError(SECRET),
    TypeError(SECRET),
    OSError(5, SECRET),
]


@pytest.mark.parametrize("error", [ServerError("down"), BillingPermissionError("no"), *UNFORESEEN], ids=repr)
@pytest.mark.parametrize("while_asking", [True, False])
def test_whatever_an_answer_does_is_the_failure_of_its_account(
    error: Exception, while_asking: bool, caplog: pytest.LogCaptureFixture
) -> None:
    run = extraction()
    answer = error if while_asking else Wrapped(error)

    with caplog.at_level(logging.DEBUG):
        found = dict(run.each("invoices", jobs(one=[answer], other=["fine"]), unwrapped))

    assert found == {ACCOUNT: None, OTHER: "fine"}
    ((key, told),) = run.outcomes.failures().items()
    assert key == (ACCOUNT, "invoices")
    assert told is error if isinstance(error, BillingError) else "unexpected error" in str(told)
    assert told.exit_code in (3, 4)
    assert SECRET not in str(told) + caplog.text


class Wrapped:
    """An answer that raises when rows are made of it."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def unwrapped(account_id: str, answer: Any) -> Part:
    return made(account_id, answer.error if isinstance(answer, Wrapped) else answer)


def test_an_unforeseen_error_is_told_with_its_place_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    run = extraction()

    with caplog.at_level(logging.DEBUG):
        list(run.each("invoices", jobs(one=[RecursionError()]), made))

    (error,) = run.outcomes.failures().values()
    assert type(error) is UnforeseenError
    assert "RecursionError" in caplog.text
    assert "test_extraction.py" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_what_ends_the_process_ends_the_run(error: BaseException) -> None:
    with pytest.raises(type(error)):
        list(extraction().each("invoices", jobs(one=[error]), made))


def test_progress_is_planned_before_it_is_made_and_counts_what_went_well() -> None:
    seen: list[Any] = []
    run = extraction(outcomes=Outcomes(seen.append))

    list(run.each("invoices", jobs(one=["a", ServerError("down"), "b"]), made))

    assert seen == [
        (ACCOUNT, "invoices", 0, 3, False),
        (ACCOUNT, "invoices", 1, 3, False),
        (ACCOUNT, "invoices", 1, 3, True),
        (ACCOUNT, "invoices", 2, 3, True),
    ]


def test_what_is_answered_at_once_is_asked_by_the_thread_that_reads() -> None:
    run = extraction()
    threads: list[int] = []
    work = {ACCOUNT: [partial(lambda: threads.append(threading.get_ident()))] * 3}

    run.client.answers_at_once = True  # type: ignore[misc]
    list(run.each("invoices", work, made))
    assert set(threads) == {threading.get_ident()}

    run.client.answers_at_once = False  # type: ignore[misc]
    list(run.each("invoices", work, made))
    assert threading.get_ident() not in threads[3:]
    assert len(threads) == 6


def test_after_three_failures_the_rest_of_the_account_is_not_asked_for() -> None:
    """A repeating 500 is not worth endless retries; the other account goes on."""
    run = extraction()

    found = list(run.each("invoices", jobs(one=[ServerError("down")] * 50, other=["fine"] * 50), made, 3))

    assert 3 <= sum(account_id == ACCOUNT for account_id, _ in found) <= 3 + 8  # those that were under way
    assert sum(content == "fine" for _, content in found) == 50


@pytest.mark.parametrize("strict", [True, False])
def test_a_resource_that_fails_for_every_account_is_an_error_only_where_nobody_looks(strict: bool) -> None:
    run = extraction(strict=strict)
    reading = run.each("invoices", jobs(one=[ServerError("first")], other=[ServerError("second")]), made)

    if strict:
        with pytest.raises(BillingError):
            list(reading)
    else:
        assert len(list(reading)) == 2
    assert len(run.outcomes.failures()) == 2


@pytest.mark.parametrize(
    ("server", "seen"),
    [(None, NOW), (NOW + 40 * DAY, NOW), (NOW - 40 * DAY, NOW - 40 * DAY), (NOW + timedelta(seconds=1), NOW)],
)
def test_no_more_counts_as_seen_than_both_clocks_agree_on(server: Any, seen: Any) -> None:
    run = extraction()
    run.client.server_time = server  # type: ignore[misc]

    assert run.seen_until() == seen


def test_resources_that_are_read_together_share_a_run_and_a_second_reading_begins_another() -> None:
    runs = Runs(extraction)

    first = [runs.of(name) for name in ("usage_hourly", "invoices")]
    second = [runs.of(name) for name in ("invoices", "usage_hourly")]

    assert first[0] is first[1]
    assert second[0] is second[1]
    assert first[0] is not second[0]
