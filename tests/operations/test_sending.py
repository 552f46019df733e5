"""A change is sent exactly once, and what came of it is known or said to be unknown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ai_gateway_billing.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BillingPermissionError,
    NotFoundError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    RateLimitedError,
    SettingsError,
    UnreachableError,
)
from ai_gateway_billing.operations.operations import Operation, Sender
from ai_gateway_billing.simulator import Simulator
from support.clock import Clock
from support.constants import ACCOUNT, NOW, TOKEN
from support.operating import (
    CHANGES,
    DELETE_CONFIG,
    DELETE_LIMIT,
    LIMITS,
    QUESTIONS,
    SECRET,
    SET_CONFIG,
    SET_LIMIT,
    STATUS,
    TOP_UP,
    TOPUP,
    Api,
    bad,
    failure,
    good,
    named,
    sender,
    world,
)
from support.recording import API


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


def test_a_bad_token_or_base_url_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="token"):
        Sender("")
    with pytest.raises(SettingsError, match="plain http"):
        Sender(TOKEN, base_url="http://example.com")


@pytest.mark.parametrize("result", [None, [], {}, {"payment_intent_id": 7}])
def test_a_top_up_that_was_accepted_is_never_called_a_failure(result: object) -> None:
    error = failure(Api(good(result)))

    assert isinstance(error, OutcomeUnknownError)
    assert "It was accepted: do not send it again" in str(error)


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
