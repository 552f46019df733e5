"""The simulated API's POST and DELETE keep the contract, change what they say, and refuse whom they must."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import jsonschema
import pytest

from ai_gateway_billing.simulator import Simulator, World, demo_world
from ai_gateway_billing.simulator.writes import OPERATIONS
from support import api_schemas
from support.api_schemas import FLAG, NOTICE, NUMBER, PAGING, TEXT, many, maybe, record
from support.clock import Clock
from support.constants import ACCOUNT, NOW

BASE = "https://api.cloudflare.com/client/v4"
NEW, FOREIGN = "0" * 31 + "2", "0" * 31 + "3"
READER, WRITER, PERSON = "reads", "writes", "signed-in"
CARD = {"has_default_payment_method": True, "payment_method": {"brand": "visa", "last4": "4242"}}

REASONS = [
    "ELIGIBLE", "NO_ACCOUNT_PAYMENT_METHOD", "UNSUPPORTED_ACCOUNT_PAYMENT_METHOD", "ACCOUNT_PAYMENT_METHOD_NOT_DEFAULT",
    "ACCOUNT_PAYMENT_METHOD_NOT_LINKED_TO_AIG", "CONTRACT_BILLING_NOT_SELF_SERVE", "AIG_CUSTOMER_RESOLUTION_FAILED",
    "PENDING_3DS_AUTHENTICATION", "PAYMENT_AUTHENTICATION_FAILED",
]  # fmt: skip
ACTIONS = [
    "NONE", "ADD_SUPPORTED_PAYMENT_METHOD", "USE_EXISTING_CARD", "SET_CARD_AS_DEFAULT", "CONTACT_SUPPORT",
    "RESUME_AUTHENTICATION", "RETRY",
]  # fmt: skip
RESULTS = {
    ("POST", "topup"): record(
        {"onboarding": FLAG, "payment_intent_id": TEXT, "client_secret": maybe(TEXT)}, {"brand": TEXT, "last4": TEXT}
    ),
    ("POST", "topup/status"): record({"payment_intent_id": TEXT, "status": {"enum": ["completed", "pending"]}}),
    ("POST", "topup/eligibility"): record(
        {
            "eligible": FLAG,
            "reason": {"enum": REASONS},
            "recoverable": FLAG,
            "recommended_action": {"enum": ACTIONS},
            "account_payment_method_state": {"enum": ["NONE", "UNSUPPORTED_ONLY", "SUPPORTED_PRESENT", "UNKNOWN"]},
            "aig_customer_state": {"enum": ["RESOLVED", "RESOLUTION_FAILED"]},
            "aig_default_payment_method_state": {"enum": ["PRESENT", "MISSING"]},
            "display_payment_method": maybe(record({"last4": TEXT}, {"brand": TEXT})),
        }
    ),
    ("POST", "topup/config"): record({"amount": NUMBER, "threshold": NUMBER}),
    ("DELETE", "topup/config"): {"type": "object"},
    ("DELETE", "spending-limit"): {"type": "object"},
}
"""The `result` of each operation that ever succeeds."""

CONFIG = {"amount": 2000, "threshold": 1000}


@pytest.fixture
def world() -> World:
    """An account with a card and a hand-made top-up behind it, a new one, and one that is only read."""
    world = World()
    world.add_account(ACCOUNT, "With a card").set_balance(500, **CARD, first_topup_success=True)
    world.accounts[ACCOUNT].set_spending_limit(
        {"enabled": True, "config": {"amount": 900, "duration": "daily", "strategy": "fixed"}}
    )
    world.add_account(NEW, "New")
    world.add_account(FOREIGN, "Only read")
    world.add_token(READER)
    world.add_token(WRITER, writes={ACCOUNT, NEW})
    world.add_token(PERSON, writes={ACCOUNT, NEW}, is_dashboard_session=True)
    return world


@pytest.fixture
def simulator(world: World, clock: Clock) -> Simulator:
    return Simulator(world, clock.now)


def ask(
    simulator: Simulator,
    method: str,
    endpoint: str,
    body: object = None,
    *,
    token: str = WRITER,
    account_id: str = ACCOUNT,
    **options: Any,
) -> httpx.Response:
    api = httpx.Client(transport=httpx.MockTransport(simulator.handle), headers={"Authorization": f"Bearer {token}"})
    url = f"{BASE}/accounts/{account_id}/ai-gateway/billing/{endpoint}"
    return api.request(method, url, **({"json": body} if body is not None else {}), **options)


def result(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return json.loads(answer.text, parse_float=Decimal)["result"]


def code(answer: httpx.Response) -> tuple[int, int]:
    jsonschema.validate(answer.json(), api_schemas.FAILURE)
    return answer.status_code, answer.json()["errors"][0]["code"]


def bodies(invoice_id: str) -> dict[tuple[str, str], object]:
    return {
        ("POST", "topup"): {"amount": 5000},
        ("POST", "topup/status"): {"payment_intent_id": invoice_id},
        ("POST", "topup/eligibility"): {},
        ("POST", "topup/config"): CONFIG,
    }


@pytest.mark.parametrize("operation", RESULTS)
def test_every_answer_keeps_the_contract(simulator: Simulator, operation: tuple[str, str]) -> None:
    invoice_id = result(ask(simulator, "POST", "topup", {"amount": 1000}))["payment_intent_id"]

    answer = ask(simulator, *operation, bodies(invoice_id).get(operation), token=PERSON)

    envelope = {"success": {"const": True}, "result": RESULTS[operation]}
    notices = {"errors": many(NOTICE), "messages": many(NOTICE)}
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), record(envelope | notices, {"result_info": PAGING}))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_token_without_write_is_refused(simulator: Simulator, operation: tuple[str, str]) -> None:
    body = bodies("in_1").get(operation)

    assert code(ask(simulator, *operation, body, token=READER)) == (403, 10000)
    assert code(ask(simulator, *operation, body, account_id=FOREIGN)) == (403, 10000)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_unknown_token_is_refused(simulator: Simulator, operation: tuple[str, str]) -> None:
    assert code(ask(simulator, *operation, bodies("in_1").get(operation), token="unknown")) == (401, 10000)


def test_a_top_up_raises_the_balance_and_leaves_an_invoice_with_the_fee(simulator: Simulator, world: World) -> None:
    topup = result(ask(simulator, "POST", "topup", {"amount": 5000}))

    balance = result(ask(simulator, "GET", "credit-balance"))
    (invoice,) = result(ask(simulator, "GET", "invoice-history"))["invoices"]
    assert balance["balance"] == 5500
    assert invoice["id"] == topup["payment_intent_id"]
    assert (invoice["amount_due"], invoice["amount_paid"], invoice["amount_remaining"]) == (5250, 5250, 0)
    assert (invoice["invoice_origin"], invoice["status"]) == ("manual", "paid")
    assert invoice["created"] == int(NOW.timestamp())
    jsonschema.validate(ask(simulator, "GET", "credit-balance").json(), api_schemas.success("credit-balance"))
    jsonschema.validate(ask(simulator, "GET", "invoice-history").json(), api_schemas.success("invoice-history"))


def test_two_top_ups_in_one_second_are_two_invoices(simulator: Simulator) -> None:
    ids = {result(ask(simulator, "POST", "topup", {"amount": 1000}))["payment_intent_id"] for _ in range(2)}

    assert len(ids) == 2
    assert result(ask(simulator, "GET", "credit-balance"))["balance"] == 2500


def test_a_top_up_is_pending_until_it_settles(simulator: Simulator, world: World, clock: Clock) -> None:
    world.accounts[ACCOUNT].topup_settles_s = 60
    query = {"payment_intent_id": result(ask(simulator, "POST", "topup", {"amount": 1000}))["payment_intent_id"]}

    before = result(ask(simulator, "POST", "topup/status", query)), result(ask(simulator, "GET", "credit-balance"))
    clock.sleep(60)
    after = result(ask(simulator, "POST", "topup/status", query)), result(ask(simulator, "GET", "credit-balance"))

    assert (before[0]["status"], before[1]["balance"]) == ("pending", 500)
    assert (after[0]["status"], after[1]["balance"]) == ("completed", 1500)


def test_a_top_up_of_a_generated_account_adds_to_its_story() -> None:
    world = demo_world(start=datetime(2026, 11, 1, tzinfo=UTC), writable=True)
    (account,) = world.accounts.values()
    before, listed = account.balance(NOW)["balance"], len(account.invoices(NOW))

    account.top_up(5000, NOW)

    assert account.balance(NOW)["balance"] == before + 5000
    assert len(account.invoices(NOW)) == listed + 1


def test_a_demo_token_writes_only_where_asked() -> None:
    (reader,), (writer,) = demo_world().tokens.values(), demo_world(writable=True).tokens.values()

    assert reader.writes == set()
    assert writer.writes == writer.reads


def test_a_declined_card_pays_nothing(simulator: Simulator, world: World) -> None:
    world.accounts[ACCOUNT].declines_card = True

    assert code(ask(simulator, "POST", "topup", {"amount": 1000}))[0] == 402
    assert result(ask(simulator, "GET", "credit-balance"))["balance"] == 500


def test_a_new_account_needs_a_card_and_then_has_no_limit(simulator: Simulator) -> None:
    assert code(ask(simulator, "POST", "topup", {"amount": 1000}, account_id=NEW))[0] == 400
    assert code(ask(simulator, "DELETE", "spending-limit", account_id=NEW)) == (400, 1000)

    result(ask(simulator, "POST", "topup", {"amount": 1000, "payment_method_id": "pm_1"}, account_id=NEW))

    balance = result(ask(simulator, "GET", "credit-balance", account_id=NEW))
    limit = result(ask(simulator, "GET", "spending-limit", account_id=NEW))
    assert (balance["balance"], balance["first_topup_success"]) == (1000, True)
    assert limit == {"enabled": False, "config": {"amount": None, "duration": None, "strategy": None}}


@pytest.mark.parametrize(
    ("methods", "card", "reason"),
    [
        (None, True, "ELIGIBLE"),
        (None, False, "NO_ACCOUNT_PAYMENT_METHOD"),
        ([], False, "NO_ACCOUNT_PAYMENT_METHOD"),
        ([{"type": "PAYPAL"}], False, "UNSUPPORTED_ACCOUNT_PAYMENT_METHOD"),
        ([{"type": "CREDIT_CARD"}], False, "ACCOUNT_PAYMENT_METHOD_NOT_LINKED_TO_AIG"),
    ],
)
def test_eligibility_follows_from_the_card(simulator: Simulator, methods: object, card: bool, reason: str) -> None:
    body = {} if methods is None else {"payment_methods": methods}

    found = result(ask(simulator, "POST", "topup/eligibility", body, account_id=ACCOUNT if card else NEW))

    assert (found["reason"], found["eligible"]) == (reason, card)


def test_only_a_signed_in_person_writes_the_automatic_top_up(simulator: Simulator) -> None:
    assert ask(simulator, "POST", "topup/config", CONFIG).status_code == 403
    assert ask(simulator, "DELETE", "topup/config").status_code == 403

    assert result(ask(simulator, "POST", "topup/config", CONFIG, token=PERSON)) == CONFIG
    shown = result(ask(simulator, "GET", "topup/config"))
    assert CONFIG.items() <= shown.items()
    assert result(ask(simulator, "GET", "credit-balance"))["topup_config"] == shown
    assert result(ask(simulator, "DELETE", "topup/config", token=PERSON)) == {}
    assert result(ask(simulator, "GET", "topup/config"))["amount"] == 0


def test_a_spending_limit_can_be_removed_but_never_set(simulator: Simulator) -> None:
    body = {"amount": 100, "strategy": "fixed", "duration": "daily"}

    refusals = [ask(simulator, "POST", "spending-limit", body, token=token) for token in (WRITER, PERSON)]

    assert [(each.status_code, "deprecated" in each.text) for each in refusals] == [(403, True)] * 2
    assert result(ask(simulator, "DELETE", "spending-limit")) == {}
    assert result(ask(simulator, "GET", "spending-limit"))["enabled"] is False


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("topup", {}),
        ("topup", {"amount": 999}),
        ("topup", {"amount": 1_000_001}),
        ("topup", {"amount": "5000"}),
        ("topup", {"amount": 5000.5}),
        ("topup", {"amount": True}),
        ("topup", {"amount": 5000, "payment_method_id": 1}),
        ("topup", {"amount": 5000, "note": "x"}),
        ("topup", [5000]),
        ("topup/status", {}),
        ("topup/config", {"amount": 1000, "threshold": 499}),
        ("topup/config", {"amount": 1000}),
    ],
)
def test_a_body_that_breaks_the_contract_is_refused(simulator: Simulator, endpoint: str, body: object) -> None:
    assert code(ask(simulator, "POST", endpoint, body, token=PERSON)) == (400, 7001)
    assert result(ask(simulator, "GET", "credit-balance"))["balance"] == 500


@pytest.mark.parametrize(
    "options", [{"content": b'{"amount": 5000}'}, {"content": b"{", "headers": {"Content-Type": "application/json"}}]
)
def test_a_body_that_is_no_json_is_refused(simulator: Simulator, options: dict[str, Any]) -> None:
    assert code(ask(simulator, "POST", "topup", **options)) == (400, 7001)


def test_the_status_of_an_unknown_invoice_is_not_found(simulator: Simulator) -> None:
    assert ask(simulator, "POST", "topup/status", {"payment_intent_id": "in_unknown"}).status_code == 404


def test_a_refused_connection_changes_nothing_and_a_broken_one_does(simulator: Simulator) -> None:
    for kind, error, balance in (
        ("refused", httpx.ConnectError, 500),
        ("timeout", httpx.ReadTimeout, 1500),
        ("reset", httpx.ReadError, 2500),
        ("torn_body", httpx.RemoteProtocolError, 3500),
    ):
        simulator.faults.add(kind, endpoint="topup", times=1)

        with pytest.raises(error):
            ask(simulator, "POST", "topup", {"amount": 1000})

        assert result(ask(simulator, "GET", "credit-balance"))["balance"] == balance, kind


def test_the_socket_takes_bodies(world: World) -> None:
    with (
        Simulator(world, lambda: NOW).serve() as base_url,
        httpx.Client(base_url=base_url, headers={"Authorization": f"Bearer {WRITER}"}) as api,
    ):
        answer = api.post(f"/accounts/{ACCOUNT}/ai-gateway/billing/topup", json={"amount": 1000})

    assert result(answer)["onboarding"] is True
