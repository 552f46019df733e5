"""The reader asks for complete windows: halves what may be cut off, and gives up a future end that is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from ai_gateway_billing.api.client import UsageAnswer
from ai_gateway_billing.errors import (
    ApiError,
    BadRequestError,
    BillingError,
    BillingPermissionError,
    InvalidAnswerError,
    ServerError,
)
from ai_gateway_billing.parallel import Workers
from ai_gateway_billing.usage import buckets as usage
from ai_gateway_billing.usage.buckets import Buckets
from ai_gateway_billing.usage.reading import WindowReader
from ai_gateway_billing.usage.windows import epoch_ms, plan
from support.constants import DAY, HOUR, NOW, TODAY

A = "a" * 32
WIDTH = {"hour": HOUR, "day": DAY}

Rule = Callable[[str, str, datetime, datetime], None]


class FakeClient:
    """Answers from a dense world of `per_bucket` rows, cut off at `limit`; `rule` may raise instead."""

    def __init__(self, per_bucket: int = 1, limit: int = 100, rule: Rule = lambda *_: None) -> None:
        self.per_bucket, self.limit, self.rule = per_bucket, limit, rule
        self.asked: list[tuple[str, str, datetime, datetime]] = []
        self.server_time: datetime | None = None
        self.tells = False

    def usage_history(self, account_id: str, grouping: str, start_ms: int, end_ms: int) -> UsageAnswer:
        start, end = (datetime.fromtimestamp(each / 1000, UTC) for each in (start_ms, end_ms))
        self.asked.append((account_id, grouping, start, end))
        self.rule(account_id, grouping, start, end)
        buckets = (min(end, NOW + HOUR) - start) // WIDTH[grouping]
        rows = [
            row(start + number * WIDTH[grouping], grouping, copy)
            for number in reversed(range(buckets))
            for copy in range(self.per_bucket)
        ]
        return UsageAnswer(rows[: self.limit], self.tells and len(rows) > self.limit)


def row(start: datetime, grouping: str, copy: int) -> dict[str, Any]:
    end = epoch_ms(start + WIDTH[grouping])
    return {"id": f"m{copy}", "aggregated_value": Decimal(5), "start_time": epoch_ms(start), "end_time": end}


def read(client: FakeClient, start: datetime, end: datetime, grouping: Any = "hour", accounts: Any = (A,)) -> list[Any]:
    """What became of every window, several at once as in a load."""
    reader = WindowReader(client, NOW)  # type: ignore[arg-type]
    jobs = {each: [partial(reader.read, each, window) for window in plan(grouping, start, end)] for each in accounts}
    return [result for _, result in Workers(8).ordered(jobs)]


def starts(results: list[Any]) -> list[datetime]:
    """The start of every row that was read, without markers."""
    tables = [next(usage.tables([result])).to_pylist() for result in results if isinstance(result, Buckets)]
    return sorted(row["start_time"] for table in tables for row in table if not row["withdrawn"])


def hours(start: datetime, end: datetime) -> list[datetime]:
    return [start + number * HOUR for number in range((end - start) // HOUR)]


def test_a_window_is_asked_for_once_when_nothing_is_suspicious() -> None:
    client = FakeClient()

    results = read(client, TODAY - 8 * DAY, TODAY)

    assert len(client.asked) == 2
    assert starts(results) == hours(TODAY - 8 * DAY, TODAY)


@pytest.mark.parametrize("per_bucket", [2, 3, 50])
def test_what_may_be_cut_off_at_a_hundred_rows_is_asked_for_in_halves(per_bucket: int) -> None:
    client = FakeClient(per_bucket)

    results = read(client, TODAY - 4 * DAY, TODAY)

    assert Counter(starts(results)) == Counter(hours(TODAY - 4 * DAY, TODAY) * per_bucket)


@pytest.mark.parametrize("count", [10, 100])
def test_exactly_ten_or_a_hundred_rows_may_be_a_cut_off_answer(count: int) -> None:
    client = FakeClient(per_bucket=1, limit=10) if count == 10 else FakeClient(per_bucket=50)
    span = timedelta(hours=20 if count == 10 else 2)

    results = read(client, TODAY, TODAY + span) if count == 100 else read(client, TODAY - DAY, TODAY - DAY + span)

    assert len(client.asked) > 1
    assert len(starts(results)) == (20 if count == 10 else 100)


def test_what_the_api_says_is_cut_off_is_asked_for_in_halves() -> None:
    client = FakeClient(limit=30)
    client.tells = True

    results = read(client, TODAY - 4 * DAY, TODAY)

    assert starts(results) == hours(TODAY - 4 * DAY, TODAY)


def test_one_bucket_with_ten_rows_is_taken_as_it_is() -> None:
    """It cannot be split, and ten is a number like any other."""
    results = read(FakeClient(per_bucket=10), TODAY, TODAY + HOUR)

    assert len(starts(results)) == 10


def test_one_bucket_that_the_api_says_is_cut_off_is_an_error() -> None:
    client = FakeClient(per_bucket=101)
    client.tells = True

    (result,) = read(client, TODAY, TODAY + HOUR)

    assert isinstance(result, InvalidAnswerError)


# --- the running bucket ---------------------------------------------------------------------------------------------


def refuse_future(error: type[ApiError]) -> Rule:
    def rule(account_id: str, grouping: str, start: datetime, end: datetime) -> None:
        if end > NOW:
            raise error("end_time lies ahead")

    return rule


def test_a_future_end_is_tried_so_that_the_running_bucket_is_seen() -> None:
    client = FakeClient()

    assert starts(read(client, TODAY, TODAY + 11 * HOUR))[-1] == TODAY + 10 * HOUR


@pytest.mark.parametrize("error", [BadRequestError, ServerError])
def test_a_future_end_that_is_refused_is_given_up_for_this_run(error: type[ApiError]) -> None:
    client = FakeClient(rule=refuse_future(error))
    accounts = tuple(f"{number:032x}" for number in range(20))

    results = read(client, TODAY - DAY, TODAY + 11 * HOUR, accounts=accounts)

    assert Counter(starts(results)) == Counter(hours(TODAY - DAY, TODAY + 10 * HOUR) * 20)
    assert {result.window.end for result in results} == {TODAY + 10 * HOUR}
    refused = sum(end > NOW for *_, end in client.asked)
    assert refused < 20  # those under way at the same time, and no more


def test_a_refused_future_day_leaves_nothing_to_ask_for() -> None:
    client = FakeClient(rule=refuse_future(BadRequestError))

    (result,) = read(client, TODAY, TODAY + DAY, "day")

    assert result.length == 0
    assert result.window.buckets == 0


def test_an_outage_is_not_taken_for_a_refused_future_end() -> None:
    def down(*_: Any) -> None:
        raise ServerError("down")

    (result,) = read(FakeClient(rule=down), TODAY, TODAY + 11 * HOUR)

    assert isinstance(result, ServerError)


@pytest.mark.parametrize("error", [BillingPermissionError, InvalidAnswerError])
def test_other_errors_are_not_asked_again_with_another_end(error: type[ApiError]) -> None:
    client = FakeClient(rule=refuse_future(error))

    (result,) = read(client, TODAY, TODAY + 11 * HOUR)

    assert isinstance(result, error)
    assert len(client.asked) == 1


# --- failures -------------------------------------------------------------------------------------------------------


def fail_within(start: datetime, end: datetime, account: str = A) -> Rule:
    def rule(account_id: str, grouping: str, asked_start: datetime, asked_end: datetime) -> None:
        if account_id == account and asked_start < end and asked_end > start:
            raise ServerError("broken", account_id=account_id)

    return rule


def test_a_failed_window_leaves_the_others() -> None:
    client = FakeClient(rule=fail_within(TODAY - 10 * DAY, TODAY - 9 * DAY))

    results = read(client, TODAY - 20 * DAY, TODAY)

    assert sum(isinstance(result, BillingError) for result in results) == 1
    assert len(starts(results)) == 4 * 96
