"""The table of endpoints, and that the simulator, which knows nothing of it, answers the same ones."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ai_gateway_billing import errors, simulator
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.endpoints import ENDPOINTS, INVOICE_PREVIEW, OF_RESOURCE, SPENDING_LIMIT, Endpoint, Nothing
from ai_gateway_billing.rows.tables import RESOURCES
from support.bench import Bench
from support.constants import ACCOUNT, NOW, TOKEN
from support.samples import fill

NOT_OF_THE_TABLE = {"accounts", "tokens/verify", "topup/limits"}
"""What is asked about tokens and top-ups: no resource is made of it."""


def test_every_resource_but_coverage_comes_from_one_endpoint() -> None:
    assert {*OF_RESOURCE, "usage_coverage"} == set(RESOURCES)
    assert sum(len(endpoint.resources) for endpoint in ENDPOINTS) == len(OF_RESOURCE)


def test_the_simulator_has_these_routes_and_no_other_billing_ones() -> None:
    assert set(simulator.ENDPOINTS) - NOT_OF_THE_TABLE == {endpoint.name for endpoint in ENDPOINTS}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_the_simulator_answers_at_the_path_of_the_table(tmp_path: Any, endpoint: Endpoint) -> None:
    bench = Bench(tmp_path)
    fill(bench.account())
    url = f"https://api.cloudflare.com/client/v4/accounts/{ACCOUNT}/{endpoint.path}"
    hour = 3_600_000
    end = int(NOW.timestamp() * 1000) // hour * hour
    params = {"value_grouping_window": "hour", "start_time": end - hour, "end_time": end}

    answer = bench.simulator.handle(
        httpx.Request("GET", url, params=params, headers={"authorization": f"Bearer {TOKEN}"})
    )

    assert answer.status_code == 200
    assert bench.simulator.requests[-1].endpoint == endpoint.name


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (400, 1000, "NO_MANUAL_TOPUP", True),
        (404, 1000, "No manual topup", True),
        (403, 1000, "no_manual_topup: pay first", True),
        (401, 1000, "Invalid API Token", False),
        (400, 1001, "NO_MANUAL_TOPUP", False),
    ],
)
def test_no_manual_topup_is_told_by_code_and_words(status: int, code: int, message: str, expected: bool) -> None:
    assert SPENDING_LIMIT.nothing is not None
    error = errors.BadRequestError("refused", status=status, code=code, reason=message)

    assert SPENDING_LIMIT.nothing.is_said_by(error) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [(errors.NotFoundError("no", status=404), True), (errors.InvalidAnswerError("a page", status=404), False)],
)
def test_only_the_apis_own_404_says_that_there_is_nothing_to_preview(error: errors.ApiError, expected: bool) -> None:
    assert INVOICE_PREVIEW.nothing is not None
    assert INVOICE_PREVIEW.nothing.is_said_by(error) is expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [(None, True), ({"invoice_lines": []}, True), ({"invoice_lines": [{}]}, False), ({}, False)],
)
def test_no_lines_mean_nothing_to_preview(result: Any, expected: bool) -> None:
    assert INVOICE_PREVIEW.nothing is not None
    assert INVOICE_PREVIEW.nothing.is_said_in(result) is expected


def test_an_endpoint_without_a_list_that_can_be_empty_says_nothing_by_null_alone() -> None:
    assert not Nothing("none").is_said_in({"": []})


@pytest.mark.parametrize("resource", [each for each in OF_RESOURCE if not each.startswith(("usage", "invoices"))])
def test_the_client_asks_for_each_snapshot_by_the_table(tmp_path: Any, resource: str) -> None:
    bench = Bench(tmp_path)
    fill(bench.account())

    with bench.client() as client:
        assert isinstance(client, Client)
        client.snapshot(resource, ACCOUNT)

    assert [each.endpoint for each in bench.simulator.requests] == [OF_RESOURCE[resource].name]
