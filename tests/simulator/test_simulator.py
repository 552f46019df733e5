"""The simulated API answers as the contract says, and as strictly as the API is known to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import jsonschema
import pytest

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, ENDPOINTS, Raw, Simulator, World, demo_world
from ai_gateway_billing.simulator.__main__ import main
from ai_gateway_billing.simulator.exact import encode
from support import api_schemas
from support.constants import NOW, TODAY

BASE = "https://api.cloudflare.com/client/v4"
NEW_ACCOUNT = "0" * 31 + "1"
HOUR_MS = 3_600_000
MIDNIGHT_MS = int(TODAY.timestamp()) * 1000


@pytest.fixture(scope="module")
def generated() -> World:
    """The demo's world, built once: read it only."""
    return demo_world(3)


@pytest.fixture
def world() -> World:
    """One brand-new account and a token for it."""
    world = World()
    world.add_account(NEW_ACCOUNT, "New")
    world.add_token(DEMO_TOKEN)
    return world


def client(world: World, token: str | None = DEMO_TOKEN) -> httpx.Client:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.MockTransport(Simulator(world, lambda: NOW).handle)
    return httpx.Client(base_url=BASE, transport=transport, headers=headers)


def path(endpoint: str, account_id: str = DEMO_ACCOUNT_ID) -> str:
    plain = {"accounts": "/accounts", "tokens/verify": "/user/tokens/verify"}
    return plain.get(endpoint, f"/accounts/{account_id}/ai-gateway/billing/{endpoint}")


def usage(start_ms: int, end_ms: int, grouping: str = "hour") -> dict[str, Any]:
    return {"value_grouping_window": grouping, "start_time": start_ms, "end_time": end_ms}


LAST_DAY = usage(MIDNIGHT_MS - 24 * HOUR_MS, MIDNIGHT_MS)


def result(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)["result"]


def code(answer: httpx.Response) -> tuple[int, int]:
    jsonschema.validate(answer.json(), api_schemas.FAILURE)
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_answer_keeps_the_contract(generated: World, endpoint: str) -> None:
    answer = client(generated).get(path(endpoint), params=LAST_DAY if endpoint == "usage-history" else {})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    jsonschema.validate(answer.json(), api_schemas.success(endpoint))


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each not in ("invoice-preview", "spending-limit")])
def test_a_new_account_answers_within_the_contract(world: World, endpoint: str) -> None:
    answer = client(world).get(path(endpoint, NEW_ACCOUNT), params=LAST_DAY if endpoint == "usage-history" else {})

    assert answer.status_code == 200
    jsonschema.validate(answer.json(), api_schemas.success(endpoint))


def test_a_new_account_is_empty(world: World) -> None:
    api = client(world)

    assert result(api.get(path("usage-history", NEW_ACCOUNT), params=LAST_DAY)) == {"history": []}
    assert result(api.get(path("invoice-history", NEW_ACCOUNT)))["invoices"] == []
    assert result(api.get(path("credit-balance", NEW_ACCOUNT)))["balance"] == 0
    assert result(api.get(path("credit-balance", NEW_ACCOUNT)))["first_topup_success"] is False
    assert code(api.get(path("invoice-preview", NEW_ACCOUNT))) == (404, 7002)
    refusal = api.get(path("spending-limit", NEW_ACCOUNT))
    assert code(refusal) == (400, 1000)
    assert refusal.json()["errors"][0]["message"] == "NO_MANUAL_TOPUP"


def test_nothing_to_preview_has_three_forms(world: World) -> None:
    api, account = client(world), world.accounts[NEW_ACCOUNT]

    account.set_preview(None, absent="null")
    assert result(api.get(path("invoice-preview", NEW_ACCOUNT))) is None
    account.set_preview(None, absent="empty")
    answer = api.get(path("invoice-preview", NEW_ACCOUNT))
    jsonschema.validate(answer.json(), api_schemas.success("invoice-preview"))
    assert result(answer)["invoice_lines"] == []
    account.set_preview(None, absent="not_found")
    assert api.get(path("invoice-preview", NEW_ACCOUNT)).status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"start_time": 0, "end_time": HOUR_MS}, 400),
        ({"value_grouping_window": "week", "start_time": 0, "end_time": HOUR_MS}, 400),
        ({"value_grouping_window": "hour", "start_time": 0}, 400),
        ({"value_grouping_window": "hour", "end_time": HOUR_MS}, 400),
        ({"value_grouping_window": "hour", "start_time": "1.7e12", "end_time": MIDNIGHT_MS}, 400),
        (usage(MIDNIGHT_MS, MIDNIGHT_MS), 400),
        (usage(MIDNIGHT_MS - HOUR_MS + 1, MIDNIGHT_MS), 500),
        (usage(MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS + 60_000), 500),
        (usage(MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS, "day"), 500),
    ],
)
def test_bad_usage_queries_are_refused(generated: World, query: dict[str, Any], status: int) -> None:
    answer = client(generated).get(path("usage-history"), params=query)

    jsonschema.validate(answer.json(), api_schemas.FAILURE)
    assert answer.status_code == status


@pytest.mark.parametrize("spelled", ["{}", "{}.0", "{}.00"])
def test_whole_bounds_are_read_in_every_spelling(generated: World, spelled: str) -> None:
    bounds = {name: spelled.format(LAST_DAY[name]) for name in ("start_time", "end_time")}

    answer = client(generated).get(path("usage-history"), params=LAST_DAY | bounds)

    assert result(answer) == result(client(generated).get(path("usage-history"), params=LAST_DAY))


def test_missing_bounds_are_told_as_nan(generated: World) -> None:
    answer = client(generated).get(path("usage-history"), params={"value_grouping_window": "day"})

    assert "NaN" in answer.text


def test_usage_stops_at_a_hundred_rows_newest_first_without_telling(generated: World) -> None:
    answer = client(generated).get(path("usage-history"), params=usage(0, MIDNIGHT_MS))

    starts = [row["start_time"] for row in result(answer)["history"]]
    assert len(starts) == 100
    assert starts == sorted(starts, reverse=True)
    assert "result_info" not in answer.json()


def test_usage_tells_has_more_when_the_world_says_so(world: World) -> None:
    account = world.accounts[NEW_ACCOUNT]
    world.tells_has_more, world.row_limit = True, 2
    for hours in range(3):
        account.set_hour(TODAY - timedelta(hours=hours + 1), 1)
    api = client(world)

    three = api.get(path("usage-history", NEW_ACCOUNT), params=LAST_DAY).json()
    two = api.get(path("usage-history", NEW_ACCOUNT), params=usage(MIDNIGHT_MS - 2 * HOUR_MS, MIDNIGHT_MS)).json()

    jsonschema.validate(three, api_schemas.success("usage-history"))
    assert (three["result_info"]["has_more"], len(three["result"]["history"])) == (True, 2)
    assert (two["result_info"]["has_more"], len(two["result"]["history"])) == (False, 2)


def test_usage_windows_are_half_open(world: World) -> None:
    for hours in range(4):
        world.accounts[NEW_ACCOUNT].set_hour(TODAY + timedelta(hours=hours), hours + 1)

    window = usage(MIDNIGHT_MS + HOUR_MS, MIDNIGHT_MS + 3 * HOUR_MS)
    rows = result(client(world).get(path("usage-history", NEW_ACCOUNT), params=window))["history"]

    assert [row["aggregated_value"] for row in rows] == [3, 2]
    assert rows[0]["start_time"] == MIDNIGHT_MS + 2 * HOUR_MS
    assert rows[0]["end_time"] == MIDNIGHT_MS + 3 * HOUR_MS


def test_a_future_end_is_accepted_unless_the_world_refuses_it(world: World) -> None:
    api, query = client(world), usage(MIDNIGHT_MS, MIDNIGHT_MS + 24 * HOUR_MS, "day")

    assert api.get(path("usage-history", NEW_ACCOUNT), params=query).status_code == 200
    world.refuses_future_end = True
    assert api.get(path("usage-history", NEW_ACCOUNT), params=query).status_code == 400


def test_usage_times_are_milliseconds_or_seconds(world: World) -> None:
    world.accounts[NEW_ACCOUNT].set_hour(TODAY - timedelta(hours=1), "0.1")
    api = client(world)

    in_ms = result(api.get(path("usage-history", NEW_ACCOUNT), params=LAST_DAY))["history"][0]
    world.usage_time_unit = "s"
    in_s = result(api.get(path("usage-history", NEW_ACCOUNT), params=LAST_DAY))["history"][0]

    assert (in_ms["start_time"], in_ms["end_time"]) == (MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS)
    assert (in_s["start_time"], in_s["end_time"]) == (MIDNIGHT_MS // 1000 - 3600, MIDNIGHT_MS // 1000)


@pytest.mark.parametrize("text", ["12.50", "0.000000000000000001", "123456789012345678901234567890.5", "-7", "0"])
def test_numbers_are_written_to_their_last_digit(world: World, text: str) -> None:
    world.accounts[NEW_ACCOUNT].set_hour(TODAY - timedelta(hours=1), text)
    world.accounts[NEW_ACCOUNT].set_balance(Decimal(text))
    api = client(world)

    assert f'"aggregated_value":{text}}}' in api.get(path("usage-history", NEW_ACCOUNT), params=LAST_DAY).text
    assert f'"balance":{text},' in api.get(path("credit-balance", NEW_ACCOUNT)).text


def test_a_float_never_becomes_money(world: World) -> None:
    with pytest.raises(TypeError):
        world.accounts[NEW_ACCOUNT].set_hour(TODAY, 0.1)
    with pytest.raises(TypeError):
        encode({"balance": 0.1})


def test_json_text_is_what_json_reads() -> None:
    value = {"text": 'a "quote", ü, \n', "none": None, "yes": True, "list": [1, (2,)], "raw": Raw("1e3")}

    assert json.loads(encode(value)) == {**value, "list": [1, [2]], "raw": 1000}


def test_invoices_come_in_pages(generated: World) -> None:
    api, everything = client(generated), generated.truth_invoices(DEMO_ACCOUNT_ID, NOW)
    pages: list[Any] = []
    while not pages or pages[-1]["pagination"]["has_more"]:
        pages.append(result(api.get(path("invoice-history"), params={"page": len(pages) + 1, "per_page": 50})))

    assert len(pages) > 1
    assert [invoice for page in pages for invoice in page["invoices"]] == everything
    assert {page["pagination"]["total_count"] for page in pages} == {len(everything)}
    assert result(api.get(path("invoice-history"), params={"page": 99}))["invoices"] == []


def test_invoices_filter_by_type(generated: World) -> None:
    api = client(generated)

    lists = {
        kind: result(api.get(path("invoice-history"), params={"type": kind, "per_page": 100}))["invoices"]
        for kind in ("auto", "manual")
    }

    assert {each["invoice_origin"] for each in lists["auto"]} == {"auto"}
    assert {each["invoice_origin"] for each in lists["manual"]} == {"manual"}
    everything = generated.truth_invoices(DEMO_ACCOUNT_ID, NOW)
    assert {each["invoice_origin"] for each in everything if each not in lists["auto"] + lists["manual"]} == {"monthly"}
    assert api.get(path("invoice-history"), params={"type": "other"}).status_code == 400


@pytest.mark.parametrize("query", [{"page": 0}, {"page": "x"}, {"per_page": 0}, {"per_page": 101}])
def test_bad_invoice_pages_are_refused(generated: World, query: dict[str, Any]) -> None:
    assert client(generated).get(path("invoice-history"), params=query).status_code == 400


def test_accounts_come_in_pages_of_five_to_fifty() -> None:
    api = client(demo_world(7))

    first = api.get("/accounts", params={"page": 1, "per_page": 5}).json()
    second = api.get("/accounts", params={"page": 2, "per_page": 5}).json()

    assert (len(first["result"]), len(second["result"])) == (5, 2)
    assert first["result_info"] == {"page": 1, "per_page": 5, "count": 5, "total_count": 7, "total_pages": 2}
    assert api.get("/accounts", params={"page": 3, "per_page": 5}).json()["result"] == []
    assert [api.get("/accounts", params={"per_page": n}).status_code for n in (4, 51)] == [400, 400]


def test_accounts_can_be_named_and_turned_round() -> None:
    api = client(demo_world(3))

    (named,) = result(api.get("/accounts", params={"name": "account 2"}))
    turned = result(api.get("/accounts", params={"direction": "desc"}))

    assert named["name"] == "Demo account 2 (simulated)"
    assert turned == result(api.get("/accounts"))[::-1]


def test_injected_usage_is_answered_as_truth_says(world: World) -> None:
    world.accounts[NEW_ACCOUNT].set_hour(TODAY - timedelta(hours=1), "0.5")
    world.inject("usage-history", "history.*.model", "openai/gpt-5.5")

    rows = result(client(world).get(path("usage-history", NEW_ACCOUNT), params=LAST_DAY))["history"]

    assert rows == world.truth_usage(NEW_ACCOUNT, "hour", NOW)
    assert rows[0]["model"] == "openai/gpt-5.5"


@pytest.mark.parametrize("grouping", ["hour", "day"])
def test_the_truth_about_usage_is_what_the_windows_answer(generated: World, grouping: str) -> None:
    api, step = client(generated), 96 * HOUR_MS if grouping == "hour" else 96 * 24 * HOUR_MS
    rows: list[Any] = []
    for end in range(MIDNIGHT_MS + 24 * HOUR_MS, 1_700_000_000_000, -step):
        rows += result(api.get(path("usage-history"), params=usage(end - step, end, grouping)))["history"]

    assert rows[::-1] == generated.truth_usage(DEMO_ACCOUNT_ID, grouping, NOW)


def test_a_token_lists_what_it_sees_and_reads_what_it_may() -> None:
    world = demo_world(2)
    mine, other = world.accounts
    world.add_token("narrow", reads=[mine], sees=[mine, other])
    api = client(world, "narrow")

    assert [each["id"] for each in result(api.get("/accounts"))] == [mine, other]
    assert api.get(path("credit-balance", mine)).status_code == 200
    assert code(api.get(path("credit-balance", other))) == (403, 10000)
    assert code(api.get(path("credit-balance", "f" * 32))) == (403, 10000)
    assert code(api.get(path("credit-balance", "short"))) == (404, 7003)


@pytest.mark.parametrize(
    ("token", "expected", "chain"),
    [
        ("unknown", (401, 10000), None),
        ("expired", (401, 10000), None),
        ("with space", (400, 6003), 6111),
        ("", (400, 6003), 6111),
        (None, (400, 6003), 6111),
    ],
)
def test_bad_tokens_are_told_apart_as_the_platform_does(
    world: World, token: str | None, expected: tuple[int, int], chain: int | None
) -> None:
    world.add_token("expired", status="expired")

    answer = client(world, token).get(path("credit-balance", NEW_ACCOUNT))

    assert code(answer) == expected
    assert [each["code"] for each in answer.json()["errors"][0].get("error_chain", [])] == ([chain] if chain else [])


def test_verification_knows_the_owner_and_the_status(world: World) -> None:
    world.add_token("expired", status="expired", expires_on="2026-01-01T00:00:00Z")
    world.add_token("owned", owner=NEW_ACCOUNT)
    users, owned = "/user/tokens/verify", f"/accounts/{NEW_ACCOUNT}/tokens/verify"

    assert result(client(world).get(users))["status"] == "active"
    assert result(client(world, "expired").get(users))["status"] == "expired"
    assert result(client(world, "owned").get(owned))["status"] == "active"
    assert code(client(world, "owned").get(users)) == (401, 1000)
    assert code(client(world).get(owned)) == (401, 1000)
    assert code(client(world, "unknown").get(users)) == (401, 1000)


def test_only_known_methods_and_paths_are_answered(world: World) -> None:
    api = client(world)

    assert api.post(path("credit-balance", NEW_ACCOUNT)).status_code == 405
    assert api.get("/zones").status_code == 404
    assert api.get(path("topup/refund", NEW_ACCOUNT)).status_code == 404
    assert api.get(path("topup/status", NEW_ACCOUNT)).headers["allow"] == "POST"


def test_every_answer_carries_the_worlds_date(world: World) -> None:
    assert client(world).get("/accounts").headers["date"] == "Sun, 22 Nov 2026 10:30:00 GMT"


def test_requests_are_recorded_without_the_token(world: World) -> None:
    simulator = Simulator(world, lambda: NOW)
    with httpx.Client(base_url=BASE, transport=httpx.MockTransport(simulator.handle)) as api:
        api.get(
            path("invoice-history", NEW_ACCOUNT),
            params={"page": 2},
            headers={"Authorization": f"Bearer {DEMO_TOKEN}"},
        )

    (entry,) = simulator.requests
    assert (entry.method, entry.endpoint, entry.account_id) == ("GET", "invoice-history", NEW_ACCOUNT)
    assert (entry.query, entry.status) == ({"page": "2"}, 200)
    assert DEMO_TOKEN not in repr(simulator.requests)


def test_the_legacy_key_is_refused(world: World) -> None:
    answer = client(world, None).get("/accounts", headers={"X-Auth-Key": "k", "X-Auth-Email": "e@example.com"})

    assert code(answer) == (400, 6003)
    assert answer.json()["errors"][0]["error_chain"][0]["code"] == 6103


def test_it_can_be_served_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, Any] = {}

    def visit() -> None:
        seen.update(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
        authorization = {"Authorization": f"Bearer {seen['CLOUDFLARE_API_TOKEN']}"}
        seen["answer"] = httpx.get(f"{seen['CLOUDFLARE_BASE_URL']}/accounts", headers=authorization)
        raise KeyboardInterrupt

    main(["--accounts", "2", "--start", "2026-11-01", "--rate-limit", "--gzip"], visit)

    listed = [each["id"] for each in seen["answer"].json()["result"]]
    assert listed == seen["CLOUDFLARE_ACCOUNT_ID"].split(",")
    assert seen["answer"].headers["ratelimit"] == '"default";r=1199;t=300'
    assert capsys.readouterr().out == "1 requests answered\n"


def test_several_tokens_share_the_accounts_out_among_them(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[list[str]] = []

    def visit() -> None:
        told = [line.split("=", 1) for line in capsys.readouterr().out.splitlines()]
        base_url = told.pop(0)[1]
        for (_, token), (_, accounts) in zip(told[::2], told[1::2], strict=True):
            answer = httpx.get(f"{base_url}/accounts", headers={"Authorization": f"Bearer {token}"})
            seen.append([each["id"] for each in answer.json()["result"]])
            assert seen[-1] == accounts.split(",")

    main(["--accounts", "5", "--tokens", "2"], visit)

    assert [len(ids) for ids in seen] == [3, 2]
    assert DEMO_ACCOUNT_ID not in {each for ids in seen for each in ids}
    assert len({each for ids in seen for each in ids}) == 5


@pytest.fixture
def served(world: World) -> Iterator[httpx.Client]:
    """A client of the simulator behind a real socket."""
    simulator = Simulator(world, lambda: NOW, compresses=True)
    with (
        simulator.serve() as base_url,
        httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {DEMO_TOKEN}"}) as api,
    ):
        yield api


def test_the_socket_answers_as_the_transport_does(world: World, served: httpx.Client) -> None:
    for endpoint in ENDPOINTS:
        query = LAST_DAY if endpoint == "usage-history" else {}
        expected = client(world).get(path(endpoint, NEW_ACCOUNT), params=query)
        answer = served.get(path(endpoint, NEW_ACCOUNT), params=query)
        assert (answer.status_code, answer.json()) == (expected.status_code, expected.json())
        assert answer.headers["date"] == expected.headers["date"]
        assert answer.headers["content-encoding"] == "gzip"


def test_the_socket_refuses_writes_and_keeps_the_connection(served: httpx.Client) -> None:
    refused = served.post(path("topup/config", NEW_ACCOUNT), json={"amount": 1000, "threshold": 500})

    assert refused.status_code == 403
    assert served.get("/accounts").status_code == 200
