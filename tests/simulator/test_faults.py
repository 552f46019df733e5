"""Faults strike the requests they are meant for, and look to a client as the real ones would."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from ai_gateway_billing.simulator import DEMO_TOKEN, FAULT_KINDS, LoggedRequest, RateLimit, Simulator, World
from support.constants import ACCOUNT, NOW, OTHER

BASE = "https://api.cloudflare.com/client/v4"
BROKEN = {
    "refused": httpx.ConnectError,
    "reset": httpx.ReadError,
    "timeout": httpx.ReadTimeout,
    "torn_body": httpx.RemoteProtocolError,
}


class Bench:
    """A simulator of two empty accounts with its own clock, and short ways to ask it."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.slept: list[float] = []
        self.world = World()
        self.world.add_account(ACCOUNT)
        self.world.add_account(OTHER)
        self.world.add_token(DEMO_TOKEN)
        self.simulator = Simulator(self.world, lambda: self.now, sleep=self.slept.append, **options)
        self.faults = self.simulator.faults
        transport = httpx.MockTransport(self.simulator.handle)
        self.client = httpx.Client(base_url=BASE, transport=transport, headers=headers())

    def get(self, endpoint: str = "credit-balance", account_id: str = ACCOUNT, **query: Any) -> httpx.Response:
        return self.client.get(f"/accounts/{account_id}/ai-gateway/billing/{endpoint}", params=query)

    def statuses(self, count: int, endpoint: str = "credit-balance", account_id: str = ACCOUNT) -> list[int]:
        return [self.get(endpoint, account_id).status_code for _ in range(count)]

    @contextmanager
    def served(self, timeout_s: float = 5.0) -> Iterator[httpx.Client]:
        with (
            self.simulator.serve() as base_url,
            httpx.Client(base_url=base_url, headers=headers(), timeout=timeout_s) as client,
        ):
            yield client


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {DEMO_TOKEN}"}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, [503] * 6),
        ({"times": 2}, [503, 503, 200, 200, 200, 200]),
        ({"nth": 3}, [200, 200, 503, 200, 200, 200]),
        ({"nth": [1, 4]}, [503, 200, 200, 503, 200, 200]),
        ({"every": 3}, [200, 200, 503, 200, 200, 503]),
        ({"every": 2, "times": 1}, [200, 503, 200, 200, 200, 200]),
    ],
)
def test_a_rule_says_how_often(bench: Bench, when: dict[str, Any], expected: list[int]) -> None:
    rule = bench.faults.add(503, **when)

    assert bench.statuses(6) == expected
    assert (rule.seen, rule.fired) == (6, expected.count(503))


def test_chance_is_seeded() -> None:
    runs = []
    for seed in (1, 1, 2):
        bench = Bench(seed=seed)
        bench.faults.add(503, probability=0.2)
        runs.append(bench.statuses(100))

    assert runs[0] == runs[1] != runs[2]
    assert 10 < runs[0].count(503) < 30


def test_a_rule_counts_its_endpoint_and_account_alone(bench: Bench) -> None:
    bench.faults.add(500, endpoint="topup/config", account_id=ACCOUNT, nth=2)

    assert bench.statuses(3) == [200, 200, 200]
    assert bench.statuses(3, "topup/config", OTHER) == [200, 200, 200]
    assert bench.statuses(3, "topup/config") == [200, 500, 200]


def test_faults_can_be_switched_off(bench: Bench) -> None:
    bench.faults.add(500)
    bench.faults.clear()

    assert bench.statuses(1) == [200]


def test_an_unknown_fault_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="torn_body"):
        bench.faults.add("torn")


@pytest.mark.parametrize("status", [401, 403, 404, 400, 408, 429, 500])
def test_a_status_comes_in_an_envelope(bench: Bench, status: int) -> None:
    bench.faults.add(status, message="told so")

    answer = bench.get()

    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["errors"][0]["message"] == "told so"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("status", [502, 503, 504, 520, 521, 522, 523, 524])
def test_the_edge_fails_in_html(bench: Bench, status: int) -> None:
    bench.faults.add(status)

    answer = bench.get()

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("retry_after", "sent"),
    [(7, "7"), (timedelta(seconds=90), "Sun, 22 Nov 2026 10:31:30 GMT"), ("soon", "soon")],
)
def test_retry_after_is_seconds_a_date_or_anything(bench: Bench, retry_after: Any, sent: str) -> None:
    bench.faults.add(429, retry_after=retry_after)

    answer = bench.get()

    assert answer.headers["retry-after"] == sent
    assert answer.json()["errors"][0]["code"] == 971


def test_code_and_body_can_be_chosen(bench: Bench) -> None:
    bench.faults.add(503, code=1234, nth=1)
    bench.faults.add(403, body="no", nth=2)

    assert bench.get().json()["errors"][0]["code"] == 1234
    assert (bench.get().text, bench.simulator.requests[-1].status) == ("no", 403)


@pytest.mark.parametrize(
    ("kind", "status", "start"),
    [
        ("html_200", 200, "<!DOCTYPE"),
        ("html_502", 502, "<!DOCTYPE"),
        ("plain_429", 429, "More than 1200 requests per 300 seconds"),
        ("empty_body", 200, ""),
        ("invalid_json", 200, "{"),
        ("truncated_json", 200, "{"),
    ],
)
def test_bodies_that_are_no_json(bench: Bench, kind: str, status: int, start: str) -> None:
    bench.faults.add(kind)

    answer = bench.get()

    assert answer.status_code == status
    assert answer.text.startswith(start)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_envelopes_that_mislead(bench: Bench) -> None:
    for place, kind in enumerate(("success_false_200", "null_result_200", "filled_errors", "wrong_content_type")):
        bench.faults.add(kind, nth=place + 1)

    false, null, filled, typed = (bench.get() for _ in range(4))

    assert (false.status_code, false.json()["success"]) == (200, False)
    assert (null.json()["success"], null.json()["result"]) == (True, None)
    assert filled.json()["errors"]
    assert filled.json()["result"]["balance"] == 0
    assert typed.headers["content-type"] == "text/plain"
    assert typed.json()["result"]["balance"] == 0


@pytest.mark.parametrize(("kind", "error"), BROKEN.items())
def test_broken_connections_are_raised_by_the_transport(bench: Bench, kind: str, error: type[Exception]) -> None:
    bench.faults.add(kind, nth=1)

    with pytest.raises(error):
        bench.get()
    assert bench.get().status_code == 200
    assert [entry.status for entry in bench.simulator.requests] == [0, 200]


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_connections_break_on_the_socket(bench: Bench, kind: str) -> None:
    bench.faults.add(kind, nth=2)
    error = BROKEN[kind] if kind != "refused" else httpx.RemoteProtocolError

    with bench.served(timeout_s=0.2) as client:
        assert client.get("/accounts").status_code == 200
        with pytest.raises(error):
            client.get("/accounts")
        assert client.get("/accounts").status_code == 200


def test_serving_ends_though_answers_are_held_and_connections_idle(bench: Bench) -> None:
    bench.faults.add("timeout", nth=2)
    bench.faults.add("slow", nth=4, delay_s=900)
    client = httpx.Client(headers=headers(), timeout=0.1)
    with bench.simulator.serve() as base_url:
        for _ in range(2):
            client.get(f"{base_url}/accounts")
            with pytest.raises(httpx.ReadTimeout):
                client.get(f"{base_url}/accounts")
        client.get(f"{base_url}/accounts")

    assert [each for each in threading.enumerate() if "process_request" in each.name] == []
    with pytest.raises(httpx.TransportError):
        client.get(f"{base_url}/accounts")
    client.close()


def test_slow_answers_are_slept_through_or_time_out(bench: Bench) -> None:
    bench.faults.add("slow", delay_s=2.5)

    assert bench.get().status_code == 200
    assert bench.slept == [2.5]
    with pytest.raises(httpx.ReadTimeout):
        bench.client.get("/accounts", timeout=1)


def test_latency_is_added_to_every_answer() -> None:
    bench = Bench(latency_s=0.05)

    bench.get()

    assert bench.slept == [0.05]


def invoice(number: int) -> dict[str, Any]:
    amounts = {"amount_due": 1, "amount_paid": 1, "amount_remaining": 0, "currency": "usd"}
    return {"id": f"in_{number}", "created": number, **amounts}


def pages(bench: Bench) -> list[list[str]]:
    answers = [bench.get("invoice-history", page=page, per_page=2).json()["result"] for page in (1, 2)]
    return [[each["id"] for each in answer["invoices"]] for answer in answers]


@pytest.mark.parametrize(
    ("action", "second"),
    [
        (lambda world: world.accounts[ACCOUNT].put_invoice(invoice(9)), ["in_2", "in_1"]),
        (lambda world: world.accounts[ACCOUNT].delete_invoice("in_3"), ["in_0"]),
        (lambda world: None, ["in_1", "in_0"]),
    ],
)
def test_pages_drift_when_the_world_changes_between_them(
    bench: Bench, action: Callable[[World], object], second: list[str]
) -> None:
    for number in range(4):
        bench.world.accounts[ACCOUNT].put_invoice(invoice(number))
    bench.faults.add("mutate", endpoint="invoice-history", nth=2, action=action)

    assert pages(bench) == [["in_3", "in_2"], second]


def test_an_ignored_page_answers_the_first(bench: Bench) -> None:
    for number in range(4):
        bench.world.accounts[ACCOUNT].put_invoice(invoice(number))
    bench.faults.add("ignored_page")

    assert pages(bench) == [["in_3", "in_2"]] * 2


def test_an_ignored_type_lists_everything(bench: Bench) -> None:
    for number, kind in enumerate(("auto", "manual", "usage")):
        bench.world.accounts[ACCOUNT].put_invoice(invoice(number), listed_as=kind)
    lists = ("all", "auto", "manual")

    heeded = [len(bench.get("invoice-history", type=each).json()["result"]["invoices"]) for each in lists]
    bench.faults.add("ignored_type")
    ignored = [len(bench.get("invoice-history", type=each).json()["result"]["invoices"]) for each in lists]

    assert (heeded, ignored) == ([3, 1, 1], [3, 3, 3])


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 407, 429, 500, 503, 511])
def test_something_in_between_answers_at_any_status(bench: Bench, status: int) -> None:
    bench.faults.add("html", status=status, nth=1)
    bench.faults.add("foreign", status=status, nth=2)
    bench.faults.add("foreign", status=status, nth=3, body=["up"])

    page, answer, other = (bench.get() for _ in range(3))

    assert [each.status_code for each in (page, answer, other)] == [status] * 3
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.startswith("<!DOCTYPE")
    assert "success" not in answer.json()
    assert other.json() == ["up"]


def test_a_challenge_is_plain_text(bench: Bench) -> None:
    bench.faults.add("challenge")

    assert (bench.get().status_code, bench.get().text) == (403, "error code: 1010")


def test_a_body_can_be_altered(bench: Bench) -> None:
    bench.faults.add("alter", change=lambda body: body.replace(b'"balance":0', b'"balance":1e2'))

    assert bench.get().json()["result"]["balance"] == 100


def test_faults_combine(bench: Bench) -> None:
    bench.faults.add("slow", delay_s=1)
    bench.faults.add("filled_errors")

    assert bench.get().json()["errors"]
    assert bench.slept == [1]


def test_every_kind_has_a_test_or_is_a_status() -> None:
    assert set(FAULT_KINDS) == set(BROKEN) | {
        "truncated_json", "invalid_json", "html_200", "html_502", "plain_429", "empty_body", "wrong_content_type",
        "success_false_200", "null_result_200", "filled_errors", "slow", "ignored_page", "ignored_type", "mutate",
        "alter", "html", "foreign", "challenge", "graphql_error",
    }  # fmt: skip


def test_the_limit_is_announced_and_blocks_for_the_rest_of_its_window() -> None:
    bench = Bench(rate_limit=RateLimit(quota=2, window_s=60))

    first = bench.get()
    bench.now += timedelta(seconds=20)
    second, third = bench.get(), bench.get()

    assert first.headers["ratelimit"] == '"default";r=1;t=60'
    assert first.headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert second.headers["ratelimit"] == '"default";r=0;t=40'
    assert (third.status_code, third.headers["retry-after"]) == (429, "40")
    bench.now += timedelta(seconds=39)
    assert bench.get().headers["retry-after"] == "1"
    bench.now += timedelta(seconds=1)
    assert bench.get().status_code == 200


def test_a_longer_block_and_a_silent_limit() -> None:
    bench = Bench(rate_limit=RateLimit(1, 60, block_s=300, announces=False, tells_retry_after=False))
    assert bench.statuses(2) == [200, 429]
    assert not {"ratelimit", "retry-after"} & set(bench.get().headers)

    bench.now += timedelta(seconds=299)
    assert bench.statuses(1) == [429]
    bench.now += timedelta(seconds=1)
    assert bench.statuses(1) == [200]


def test_each_token_has_its_own_budget() -> None:
    bench = Bench(rate_limit=RateLimit(1, 60))
    bench.world.add_token("second")

    assert bench.statuses(2) == [200, 429]
    bench.client.headers["Authorization"] = "Bearer second"
    assert bench.statuses(1) == [200]


def test_many_threads_ask_at_once(bench: Bench) -> None:
    with bench.served() as client:
        threads = [threading.Thread(target=client.get, args=("/accounts",)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert bench.simulator.requests == [LoggedRequest("GET", "/accounts", {}, "accounts", None, 200)] * 16
