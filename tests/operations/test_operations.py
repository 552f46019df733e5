"""Each operation sends exactly what it should, once, and tells in plain words what came of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ai_gateway_billing.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BillingPermissionError,
    InvalidAnswerError,
    NotFoundError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RateLimitedError,
    SettingsError,
    UnreachableError,
)
from ai_gateway_billing.operations import operations
from ai_gateway_billing.operations.operations import Operation, Sender
from ai_gateway_billing.simulator import Simulator, World
from ai_gateway_billing.simulator import writes as simulated
from support.clock import Clock
from support.constants import ACCOUNT, NOW, TOKEN
from support.recording import API

NEW = "cd" * 16
SESSION = "signed-in-to-the-dashboard"
INVOICE = "in_1AbCdEfGhIjKlMnOpQrStUv"
SECRET = "pi_1AbC_secret_ZyXwVu9876543210"
TOPUP = {
    "onboarding": True,
    "payment_intent_id": INVOICE,
    "client_secret": SECRET,
    "brand": "visa",
    "last4": "4242",
}
ELIGIBLE = {
    "eligible": True,
    "reason": "ELIGIBLE",
    "recoverable": True,
    "recommended_action": "NONE",
    "account_payment_method_state": "SUPPORTED_PRESENT",
    "aig_customer_state": "RESOLVED",
    "aig_default_payment_method_state": "PRESENT",
    "display_payment_method": {"brand": "visa", "last4": "4242"},
}

TOP_UP = operations.create_topup(ACCOUNT, 5000)
STATUS = operations.topup_status(ACCOUNT, INVOICE)
LIMITS = operations.topup_limits(ACCOUNT)
ELIGIBILITY = operations.topup_eligibility(ACCOUNT)
SET_CONFIG = operations.set_topup_config(ACCOUNT, amount_cents=2000, threshold_cents=500)
DELETE_CONFIG = operations.delete_topup_config(ACCOUNT)
SET_LIMIT = operations.set_spending_limit(ACCOUNT, amount_cents=100, duration="daily", strategy="fixed")
DELETE_LIMIT = operations.delete_spending_limit(ACCOUNT)
CHANGES = [TOP_UP, SET_CONFIG, DELETE_CONFIG, SET_LIMIT, DELETE_LIMIT]
QUESTIONS = [STATUS, LIMITS, ELIGIBILITY]


def named(operation: Operation[Any]) -> str:
    return f"{operation.method} {operation.endpoint}"


class Api:
    """Answers every request alike and keeps them."""

    def __init__(self, answer: object = None, status: int = 200, **options: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.answer, self.status, self._options = answer, status, options

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self._options:
            return httpx.Response(self.status, **self._options)
        return httpx.Response(self.status, json=self.answer, headers={"content-type": "application/json"})


def good(result: object) -> dict[str, object]:
    return {"success": True, "result": result, "errors": [], "messages": []}


def bad(code: int = 1000, message: str = "no") -> dict[str, object]:
    return {"success": False, "result": None, "errors": [{"code": code, "message": message}]}


def sender(api: Callable[[httpx.Request], httpx.Response], **options: Any) -> Sender:
    return Sender(TOKEN, transport=httpx.MockTransport(api), **options)


def failure(api: Api, operation: Operation[Any] = TOP_UP) -> ApiError:
    with sender(api) as out, pytest.raises(ApiError) as caught:
        out.send(operation)
    return caught.value


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


@pytest.mark.parametrize("operation", [*CHANGES, *QUESTIONS], ids=named)
def test_what_is_shown_is_what_is_sent_but_for_the_token(operation: Operation[Any]) -> None:
    api = Api(bad(), 400)
    with sender(api) as out:
        shown = out.show(operation)
        assert api.requests == []
        with pytest.raises(ApiError):
            out.send(operation)

    (request,) = api.requests
    sent = {name.lower(): text for name, text in request.headers.items()} | {"authorization": "Bearer ***"}
    assert (shown.method, shown.url, shown.body) == (request.method, str(request.url), request.content.decode())
    assert {name.lower(): text for name, text in shown.headers.items()} == sent
    assert TOKEN not in repr(shown)


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


def test_a_bad_token_or_base_url_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="token"):
        Sender("")
    with pytest.raises(SettingsError, match="plain http"):
        Sender(TOKEN, base_url="http://example.com")


# --- what comes back -------------------------------------------------------------------------------------------------


def test_a_top_up_tells_its_invoice_and_hides_its_secret() -> None:
    with sender(Api(good(TOPUP))) as out:
        topup = out.send(TOP_UP)

    assert (topup.invoice_id, topup.was_onboarded, topup.card_brand) == (INVOICE, True, "visa")
    assert topup.client_secret == SECRET
    for text in (repr(topup), str(topup)):
        assert SECRET not in text
        assert "4242" not in text


def test_a_top_up_needs_nothing_but_its_invoice() -> None:
    with sender(Api(good({"payment_intent_id": INVOICE, "client_secret": None}))) as out:
        assert out.send(TOP_UP) == operations.Topup(INVOICE, None, None, None)


def test_answers_become_values() -> None:
    status, limits = (
        good({"payment_intent_id": INVOICE, "status": "pending"}),
        good({"min_cents": 1, "max_cents": 2, "currency": "usd"}),
    )

    assert sender(Api(status)).send(STATUS) == operations.TopupStatus(INVOICE, "pending")
    assert sender(Api(limits)).send(LIMITS) == operations.TopupLimits(1, 2, "USD")
    assert sender(Api(good({"amount": 2000, "threshold": 500}))).send(SET_CONFIG) == operations.AutoTopup(
        Decimal(2000), Decimal(500)
    )
    eligibility = sender(Api(good(ELIGIBLE))).send(ELIGIBILITY)
    assert (eligibility.eligible, eligibility.reason, eligibility.card_brand) == (True, "ELIGIBLE", "visa")
    assert "4242" not in repr(eligibility)


@pytest.mark.parametrize("result", [{}, None, [], "gone"])
@pytest.mark.parametrize("operation", [DELETE_CONFIG, DELETE_LIMIT, SET_LIMIT], ids=named)
def test_an_empty_answer_is_enough_where_nothing_is_told(operation: Operation[Any], result: object) -> None:
    with sender(Api(good(result))) as out:
        out.send(operation)


@pytest.mark.parametrize("result", [None, [], {}, {"payment_intent_id": 7}])
def test_a_top_up_that_was_accepted_is_never_called_a_failure(result: object) -> None:
    error = failure(Api(good(result)))

    assert isinstance(error, OutcomeUnknownError)
    assert "It was accepted: do not send it again" in str(error)


@pytest.mark.parametrize(
    ("operation", "result", "field"),
    [
        (STATUS, {"payment_intent_id": INVOICE}, "status"),
        (LIMITS, {"min_cents": 1.5, "max_cents": 2, "currency": "USD"}, "min_cents"),
        (ELIGIBILITY, ELIGIBLE | {"eligible": "yes"}, "eligible"),
        (ELIGIBILITY, [], "its result contains array"),
    ],
)
def test_an_undocumented_answer_to_a_question_is_told(operation: Operation[Any], result: object, field: str) -> None:
    error = failure(Api(good(result)), operation)

    assert isinstance(error, InvalidAnswerError)
    assert field in str(error)
    assert "report this" in str(error)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "status", "code", "kind", "words"),
    [
        (TOP_UP, 402, 7402, PaymentDeclinedError, "The card was declined: nothing was charged."),
        (TOP_UP, 403, 10000, BillingPermissionError, 'permission "AI Gateway Write"'),
        (LIMITS, 403, 10000, BillingPermissionError, 'permission "AI Gateway Read"'),
        (SET_CONFIG, 403, 10000, BillingPermissionError, "refuses every API token"),
        (DELETE_CONFIG, 403, 10000, BillingPermissionError, "refuses every API token"),
        (SET_LIMIT, 403, 10000, BillingPermissionError, "the spend limits of each gateway"),
        (DELETE_LIMIT, 403, 10000, BillingPermissionError, 'permission "AI Gateway Write"'),
        (STATUS, 404, 7004, NotFoundError, "begins with in_"),
        (TOP_UP, 400, 7001, BadRequestError, "asking again does not help"),
        (TOP_UP, 401, 10000, AuthenticationError, "Check the API token"),
        (TOP_UP, 429, 971, RateLimitedError, "run again later"),
    ],
    ids=str,
)
def test_a_refusal_is_told_in_plain_words(
    operation: Operation[Any], status: int, code: int, kind: type[ApiError], words: str
) -> None:
    error = failure(Api(bad(code, "Some reason"), status), operation)

    assert type(error) is kind
    assert words in str(error)
    assert "Some reason" in str(error)
    assert (error.status, error.code, error.account_id) == (status, code, ACCOUNT)
    assert error.path == f"ai-gateway/billing/{operation.endpoint}"


@pytest.mark.parametrize("operation", [SET_LIMIT, DELETE_LIMIT], ids=named)
def test_no_manual_top_up_yet_is_told_as_what_it_means(operation: Operation[Any]) -> None:
    error = failure(Api(bad(1000, "NO_MANUAL_TOPUP"), 400), operation)

    assert type(error) is BadRequestError
    assert "has to be topped up by hand once" in str(error)


# --- exactly once, and what is left open -----------------------------------------------------------------------------

BROKEN = [
    Api(httpx.ReadTimeout("timed out")),
    Api(httpx.WriteTimeout("timed out")),
    Api(httpx.ReadError("reset")),
    Api(httpx.WriteError("broken pipe")),
    Api(httpx.RemoteProtocolError("Server disconnected without sending a response.")),
    Api(bad(), 500),
    Api(None, 502, html="<html>Bad gateway</html>"),
    Api(bad(), 524),
    Api(bad(), 408),
    Api(None, 200, html="<html>Just a moment...</html>"),
    Api(None, 200, content=b'{"success": true, "resu', headers={"content-type": "application/json"}),
    Api(bad(), 200),
    Api(None, 303, headers={"location": f"{API}/elsewhere"}),
    Api(None, 307, headers={"location": f"{API}/elsewhere"}),
]


def told(api: Api) -> str:
    return type(api.answer).__name__ if isinstance(api.answer, Exception) else f"HTTP-{api.status}"


@pytest.mark.parametrize("operation", CHANGES, ids=named)
@pytest.mark.parametrize("api", BROKEN, ids=told)
def test_a_change_without_a_clear_answer_is_sent_once_and_its_outcome_is_unknown(
    api: Api, operation: Operation[Any]
) -> None:
    api.requests.clear()
    error = failure(api, operation)

    assert len(api.requests) == 1
    assert type(error) is OutcomeUnknownError
    assert error.exit_code == 1
    assert not error.retryable
    assert "do not send it again before you know" in str(error)
    assert "`aig-billing account show`" in str(error)


@pytest.mark.parametrize("operation", QUESTIONS, ids=named)
@pytest.mark.parametrize("api", BROKEN, ids=told)
def test_a_question_without_a_clear_answer_leaves_nothing_open(api: Api, operation: Operation[Any]) -> None:
    api.requests.clear()
    error = failure(api, operation)

    assert len(api.requests) == 1
    assert not isinstance(error, OutcomeUnknownError)


@pytest.mark.parametrize(
    "problem", [httpx.ConnectError("refused"), httpx.ConnectTimeout("timed out"), httpx.ProxyError("no")]
)
@pytest.mark.parametrize("operation", [*CHANGES, *QUESTIONS], ids=named)
def test_without_a_connection_nothing_was_sent(problem: httpx.HTTPError, operation: Operation[Any]) -> None:
    api = Api(problem)
    error = failure(api, operation)

    assert len(api.requests) == 1
    assert type(error) is UnreachableError
    assert "Nothing was changed" in str(error)


def test_an_answer_that_never_ends_leaves_the_outcome_unknown(clock: Clock) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            clock.sleep(10)
            yield b" "

    with sender(Api(None, 200, content=drip()), clock=clock.monotonic) as out, pytest.raises(OutcomeUnknownError):
        out.send(TOP_UP)

    assert sum(clock.sleeps) < 150


@pytest.mark.parametrize("api", [*BROKEN, Api(httpx.ConnectError(f"refused {TOKEN}")), Api(bad(1, TOKEN), 400)])
def test_no_error_holds_the_token_or_a_request(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error = failure(api)

    seen: BaseException | None = error
    while seen is not None:
        assert TOKEN not in f"{seen!r}{vars(seen)}"
        assert not hasattr(seen, "request")
        seen = seen.__cause__ or seen.__context__
    assert TOKEN not in caplog.text


def test_a_success_logs_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with sender(Api(good(TOPUP))) as out:
        out.send(TOP_UP)

    assert TOKEN not in f"{caplog.text}{out!r}{vars(TOP_UP) if hasattr(TOP_UP, '__dict__') else TOP_UP}"
    assert SECRET not in caplog.text
    assert "4242" not in caplog.text


def test_an_error_with_a_secret_in_its_words_is_redacted() -> None:
    error = failure(Api(bad(7001, f"cannot confirm {SECRET} of card 4242"), 400))

    assert SECRET not in str(error)
    assert "4242" not in str(error)


# --- over the socket -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reset", "torn_body", "refused"])
def test_a_connection_that_breaks_after_the_request_is_told_as_unknown(kind: str) -> None:
    simulator = Simulator(world(), lambda: NOW)
    simulator.faults.add(kind, endpoint="topup")
    with simulator.serve() as base_url, Sender(TOKEN, base_url=base_url) as out, pytest.raises(OutcomeUnknownError):
        out.send(TOP_UP)

    assert [request.method for request in simulator.requests] == ["POST"]


def test_nobody_listening_is_told_as_not_sent() -> None:
    with Simulator(world(), lambda: NOW).serve() as base_url:
        pass
    with Sender(TOKEN, base_url=base_url) as out, pytest.raises(UnreachableError):
        out.send(TOP_UP)


# --- recorded exchanges ----------------------------------------------------------------------------------------------
# Recorded from the simulator, never from a live account: these change what they are sent to.

recorded = pytest.mark.vcr(match_on=["method", "scheme", "host", "port", "path", "query", "body"])
Ask = Callable[..., AbstractContextManager[Sender]]


def world() -> World:
    """An account with a card, a limit and a payment behind it, and a new one; a token and a person that may write."""
    world = World()
    account = world.add_account(ACCOUNT, "With a card")
    account.set_balance(
        640,
        has_default_payment_method=True,
        payment_method={"brand": "visa", "last4": "4242"},
        first_topup_success=True,
    )
    limit = {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}
    account.set_spending_limit({"enabled": True, "config": limit})
    world.add_account(NEW, "New")
    world.add_token(TOKEN, writes={ACCOUNT, NEW})
    world.add_token(SESSION, writes={ACCOUNT}, is_dashboard_session=True)
    return world


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
