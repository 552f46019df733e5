"""What may be asked of the analytics is asked first; rows come as they were sent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.api.analytics import DIMENSIONS, SUMS, Offer, known
from ai_gateway_billing.errors import InvalidAnswerError
from support.asking import Asked, asking
from support.constants import ACCOUNT, DAY, NOW, TOKEN

ALL = (*SUMS, *DIMENSIONS)


@pytest.fixture
def asked() -> Iterator[Asked]:
    with asking() as asked:
        yield asked


def answer(asked: Asked, data: str, times: int = 1) -> None:
    body = f'{{"data": {data}, "errors": null}}'.encode()
    asked.simulator.faults.add("alter", endpoint="graphql", change=lambda _: body, times=times)


def test_the_offer_is_what_the_settings_tell(asked: Asked) -> None:
    asked.world.analytics_fields = ("cost", "datetimeHour", "model", "uncachedTokensIn")
    asked.world.analytics_page_size = 500
    asked.world.analytics_max_duration = 86_400

    assert asked.client.analytics.offer(ACCOUNT) == Offer(("cost", "datetimeHour", "model"), 500, 86_400, 2_678_400)


@pytest.mark.parametrize("path", ["{}", "sum_{}", "sum.{}", "dimensions/{}"])
def test_offered_fields_may_come_with_their_path(path: str) -> None:
    assert known([path.format(name) for name in ALL]) == ALL


def test_where_the_settings_do_not_tell_the_types_do(asked: Asked) -> None:
    asked.simulator.faults.add("graphql_error", endpoint="graphql", nth=1, message="unknown field settings")
    asked.world.analytics_fields = ("cost", "datetimeHour")

    assert asked.client.analytics.offer(ACCOUNT) == Offer(("cost", "datetimeHour"))


@pytest.mark.parametrize("settings", ["null", "{}", '{"aiGatewayRequestsAdaptiveGroups": {"availableFields": []}}'])
def test_settings_that_say_nothing_are_no_answer(asked: Asked, settings: str) -> None:
    answer(asked, f'{{"viewer": {{"accounts": [{{"settings": {settings}}}]}}}}')

    assert asked.client.analytics.offer(ACCOUNT) == Offer(ALL)


def test_numbers_of_the_settings_may_be_text_and_odd_ones_do_not_count(asked: Asked) -> None:
    told = '"availableFields": ["cost"], "maxPageSize": "700", "maxDuration": -1, "notOlderThan": null'
    answer(asked, f'{{"viewer": {{"accounts": [{{"settings": {{"aiGatewayRequestsAdaptiveGroups": {{{told}}}}}}}]}}}}')

    assert asked.client.analytics.offer(ACCOUNT) == Offer(("cost",), 700)


def test_cost_keeps_every_digit(asked: Asked) -> None:
    asked.add(NOW - DAY, nano_usd=5_202_603_642)

    (row,) = asked.client.analytics.groups(ACCOUNT, ("cost",), NOW - 2 * DAY, NOW, 10)

    assert row["sum"] == {"cost": Decimal("5.202603642")}


def test_without_the_permission_there_are_no_rows(asked: Asked) -> None:
    asked.add(NOW - DAY)
    asked.world.tokens[TOKEN].analytics = "silent"

    assert asked.client.analytics.groups(ACCOUNT, ("cost",), NOW - 2 * DAY, NOW, 10) == []


@pytest.mark.parametrize(
    "data",
    [
        '{"viewer": null}',
        '{"viewer": {"accounts": null}}',
        '{"viewer": {"accounts": [null]}}',
        '{"viewer": {"accounts": [{"aiGatewayRequestsAdaptiveGroups": null}]}}',
        '{"viewer": {"accounts": [{"aiGatewayRequestsAdaptiveGroups": [1]}]}}',
    ],
)
def test_rows_that_are_none_are_a_failure_and_not_no_rows(asked: Asked, data: str) -> None:
    answer(asked, data)

    with pytest.raises(InvalidAnswerError):
        asked.client.analytics.groups(ACCOUNT, ("cost",), NOW - DAY, NOW, 10)


def test_an_account_that_is_not_listed_has_no_rows(asked: Asked) -> None:
    answer(asked, '{"viewer": {"accounts": []}}')

    assert asked.client.analytics.groups(ACCOUNT, ("cost",), NOW - DAY, NOW, 10) == []


def sent_text(sent: list[tuple[str, str, Any]]) -> str:
    return repr([body for _, _, body in sent])


def test_the_account_and_times_are_variables(asked: Asked) -> None:
    asked.client.analytics.groups(ACCOUNT.upper(), ("cost",), NOW - DAY, NOW, 10)

    ((_, _, body),) = asked.sent
    assert body["variables"] == {"account": ACCOUNT, "start": "2026-11-21T10:30:00Z", "end": "2026-11-22T10:30:00Z"}
    assert ACCOUNT not in body["query"]
