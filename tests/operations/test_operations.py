"""Each operation sends exactly what it should, once, and tells in plain words what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.errors import (
    BadRequestError,
    BillingPermissionError,
    PaymentDeclinedError,
    SettingsError,
)
from ai_gateway_billing.operations import operations
from ai_gateway_billing.operations.operations import Operation, Sender
from ai_gateway_billing.simulator import Simulator, World
from ai_gateway_billing.simulator import writes as simulated
from support.constants import ACCOUNT, NOW, TOKEN
from support.operating import (
    CHANGES,
    DELETE_CONFIG,
    DELETE_LIMIT,
    ELIGIBILITY,
    INVOICE,
    LIMITS,
    NEW,
    QUESTIONS,
    SESSION,
    SET_CONFIG,
    SET_LIMIT,
    STATUS,
    TOP_UP,
    Api,
    bad,
    failure,
    named,
    world,
)
from support.recording import API

# --- what is sent ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "method", "endpoint", "body"),
    [
        (TOP_UP, "POST", "topup", {"amount": 5000}),
        (
            operations.create_topup(ACCOUNT, 1000, payment_method_id="pm_123"),
            "POST",
            "topup",
            {"amount": 1000, "payment_method_id": "pm_123"},
        ),
        (STATUS, "POST", "topup/status", {"payment_intent_id": INVOICE}),
        (LIMITS, "GET", "topup/limits", None),
        (ELIGIBILITY, "POST", "topup/eligibility", {}),
        (
            operations.topup_eligibility(ACCOUNT, [{"type": "CREDIT_CARD", "default": True}]),
            "POST",
            "topup/eligibility",
            {"payment_methods": [{"type": "CREDIT_CARD", "default": True}]},
        ),
        (SET_CONFIG, "POST", "topup/config", {"amount": 2000, "threshold": 500}),
        (DELETE_CONFIG, "DELETE", "topup/config", None),
        (SET_LIMIT, "POST", "spending-limit", {"amount": 100, "duration": "daily", "strategy": "fixed"}),
        (DELETE_LIMIT, "DELETE", "spending-limit", None),
    ],
    ids=lambda value: named(value) if isinstance(value, Operation) else "",
)
def test_each_operation_sends_its_documented_request(
    operation: Operation[Any], method: str, endpoint: str, body: object
) -> None:
    api = Api(bad(), 400)
    failure(api, operation)

    (request,) = api.requests
    assert request.method == method
    assert str(request.url) == f"{API}/accounts/{ACCOUNT}/ai-gateway/billing/{endpoint}"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert (json.loads(request.content) if request.content else None) == body
    assert request.headers.get("content-type") == (None if body is None else "application/json")


@pytest.mark.parametrize("amount", [50.0, "5000", True, None, Decimal(5000), 999, 0, -1000])
def test_an_amount_is_a_whole_number_of_cents_and_large_enough(amount: Any) -> None:
    for attempt in (
        lambda: operations.create_topup(ACCOUNT, amount),
        lambda: operations.set_topup_config(ACCOUNT, amount_cents=amount, threshold_cents=500),
    ):
        with pytest.raises(SettingsError, match="cents"):
            attempt()


@pytest.mark.parametrize("threshold", [499, 500.0, True])
def test_a_threshold_is_a_whole_number_of_cents_and_large_enough(threshold: Any) -> None:
    with pytest.raises(SettingsError, match="threshold"):
        operations.set_topup_config(ACCOUNT, amount_cents=1000, threshold_cents=threshold)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"amount_cents": 99}, "100 cents"),
        ({"amount_cents": 100.0}, "whole cents"),
        ({"duration": "yearly"}, "daily, weekly, monthly"),
        ({"duration": None}, "duration"),
        ({"strategy": "loose"}, "fixed, sliding"),
    ],
)
def test_a_spending_limit_is_checked(changed: dict[str, Any], word: str) -> None:
    fields: dict[str, Any] = {"amount_cents": 100, "duration": "daily", "strategy": "fixed"}
    with pytest.raises(SettingsError, match=word):
        operations.set_spending_limit(ACCOUNT, **(fields | changed))


def test_the_smallest_amounts_are_taken() -> None:
    assert operations.create_topup(ACCOUNT, 1000).body == {"amount": 1000}
    config = operations.set_topup_config(ACCOUNT, amount_cents=1000, threshold_cents=500)
    assert config.body == {"amount": 1000, "threshold": 500}
    limit = operations.set_spending_limit(ACCOUNT, amount_cents=100, duration="weekly", strategy="sliding")
    assert limit.body == {"amount": 100, "duration": "weekly", "strategy": "sliding"}


@pytest.mark.parametrize("text", ["", "in_1/../x", "in 1", "in_ü", 7, None, "x" * 256])
def test_an_id_that_cannot_be_one_is_refused_and_not_repeated(text: Any) -> None:
    for attempt in (
        lambda: operations.topup_status(ACCOUNT, text),
        lambda: operations.create_topup(ACCOUNT, 1000, payment_method_id="" if text is None else text),
    ):
        with pytest.raises(SettingsError) as caught:
            attempt()
        assert not text or str(text) not in str(caught.value)


def test_a_bad_account_or_too_many_payment_methods_are_refused() -> None:
    with pytest.raises(SettingsError, match="32 characters"):
        operations.delete_spending_limit("short")
    with pytest.raises(SettingsError, match="100"):
        operations.topup_eligibility(ACCOUNT, [{}] * 101)


# --- recorded exchanges ----------------------------------------------------------------------------------------------
# Recorded from the simulator, never from a live account: these change what they are sent to.

recorded = pytest.mark.vcr(match_on=["method", "scheme", "host", "port", "path", "query", "body"])
Ask = Callable[..., AbstractContextManager[Sender]]


@pytest.fixture
def asking(record_mode: str) -> Ask:
    """A sender: to the cassette when replaying, to a served simulator when recording."""

    @contextmanager
    def opened(simulated: World | None = None, token: str = TOKEN) -> Iterator[Sender]:
        simulator = Simulator(simulated or world(), lambda: NOW)
        with (
            nullcontext(API) if record_mode == "none" else simulator.serve() as base_url,
            Sender(token, base_url=base_url) as out,
        ):
            yield out

    return opened


@recorded
def test_a_top_up_is_begun_and_completed(asking: Ask) -> None:
    with asking() as out:
        topup = out.send(TOP_UP)
        status = out.send(operations.topup_status(ACCOUNT, topup.invoice_id))

    assert topup.invoice_id.startswith("in_")
    assert topup.was_onboarded is True
    assert topup.client_secret is not None
    assert status == operations.TopupStatus(topup.invoice_id, "completed")


@recorded
def test_a_top_up_may_be_pending(asking: Ask) -> None:
    slow = world()
    slow.accounts[ACCOUNT].topup_settles_s = 60
    with asking(slow) as out:
        topup = out.send(operations.create_topup(ACCOUNT, 1000, payment_method_id="pm_123"))

        assert out.send(operations.topup_status(ACCOUNT, topup.invoice_id)).status == "pending"


@recorded
def test_a_declined_card_is_told(asking: Ask) -> None:
    poor = world()
    poor.accounts[ACCOUNT].declines_card = True
    with asking(poor) as out, pytest.raises(PaymentDeclinedError, match="declined"):
        out.send(TOP_UP)


@recorded
def test_a_token_that_only_reads_is_told_what_it_lacks(asking: Ask) -> None:
    readable = world()
    readable.tokens[TOKEN].writes.clear()
    with asking(readable) as out, pytest.raises(BillingPermissionError, match="AI Gateway Write"):
        out.send(TOP_UP)


@recorded
def test_the_bounds_of_a_top_up_are_told(asking: Ask) -> None:
    with asking() as out:
        limits = out.send(LIMITS)

    assert (limits.min_cents, limits.currency) == (1000, "USD")
    assert limits.max_cents > limits.min_cents


@recorded
def test_an_account_with_a_card_may_top_up(asking: Ask) -> None:
    with asking() as out:
        found = out.send(ELIGIBILITY)

    assert (found.eligible, found.reason, found.recommended_action) == (True, "ELIGIBLE", "NONE")


@recorded
def test_an_account_without_a_card_is_told_why_it_may_not_top_up(asking: Ask) -> None:
    with asking() as out:
        found = out.send(operations.topup_eligibility(NEW, [{"type": "PAYPAL"}]))

    assert (found.eligible, found.reason) == (False, "UNSUPPORTED_ACCOUNT_PAYMENT_METHOD")


@recorded
def test_a_signed_in_person_sets_the_automatic_top_up(asking: Ask) -> None:
    with asking(token=SESSION) as out:
        assert out.send(SET_CONFIG) == operations.AutoTopup(Decimal(2000), Decimal(500))


@recorded
def test_a_signed_in_person_ends_the_automatic_top_up(asking: Ask) -> None:
    with asking(token=SESSION) as out:
        out.send(DELETE_CONFIG)


@recorded
@pytest.mark.parametrize("operation", [SET_CONFIG, DELETE_CONFIG], ids=["set", "delete"])
def test_a_token_may_not_change_the_automatic_top_up(asking: Ask, operation: Operation[Any]) -> None:
    with asking() as out, pytest.raises(BillingPermissionError, match="refuses every API token"):
        out.send(operation)


@recorded
def test_a_spending_limit_can_no_longer_be_set(asking: Ask) -> None:
    with asking() as out, pytest.raises(BillingPermissionError, match="can no longer be set"):
        out.send(SET_LIMIT)


@recorded
def test_a_spending_limit_is_removed(asking: Ask) -> None:
    with asking() as out:
        out.send(DELETE_LIMIT)


@recorded
def test_an_account_that_never_topped_up_has_no_limit_to_remove(asking: Ask) -> None:
    with asking() as out, pytest.raises(BadRequestError, match="topped up by hand"):
        out.send(operations.delete_spending_limit(NEW))


def test_every_operation_of_the_simulated_api_can_be_sent() -> None:
    known = {(each.method, each.endpoint) for each in [*CHANGES, *QUESTIONS]} - {("GET", "topup/limits")}

    assert known == set(simulated.OPERATIONS)
