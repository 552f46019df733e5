"""One GET over a pretended transport: what is sent, what is retried, when it gives up. No test really waits."""

from __future__ import annotations

import gzip
import json
import logging
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from ai_gateway_billing import errors
from ai_gateway_billing.api import endpoints, graphql
from ai_gateway_billing.api.bodies import MAX_BYTES
from ai_gateway_billing.api.client import Client
from support.clock import Clock
from support.constants import ACCOUNT, OTHER, TOKEN
from support.replies import Api, Reply, bad, balance, client_of, failure, good

TOKEN_WITH_SLASH = "cfut+Secret/Token~of.nobody_7f3a9c==xYz-0123456789"


def test_requests_say_who_asks(clock: Clock) -> None:
    api = Api(clock, good({}))
    balance(client_of(clock, api))

    headers = api.asked[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["user-agent"].startswith("cloudflare-ai-gateway-billing/")
    assert (headers["accept"], headers["accept-encoding"]) == ("application/json", "gzip")


@pytest.mark.parametrize("form", [TOKEN, TOKEN_WITH_SLASH.replace("/", "\\/"), TOKEN_WITH_SLASH])
def test_no_answer_gives_back_the_token_that_asked(clock: Clock, form: str) -> None:
    """Whatever becomes of it: a column of its own, an item put aside, an error."""
    body = f'{{"success": true, "result": {{"note": "asked with {form}!", "{form}": 1}}}}'
    api = Api(clock, httpx.Response(200, content=body))

    with Client(form.replace("\\", ""), transport=httpx.MockTransport(api), sleep=clock.sleep) as client:
        assert balance(client) == {"note": "asked with ***!", "***": 1}


def test_every_phase_of_a_request_has_its_timeout(clock: Clock) -> None:
    api = Api(clock, good({}))
    balance(client_of(clock, api))

    timeouts = api.asked[0].extensions["timeout"]
    assert (timeouts["connect"], timeouts["read"], timeouts["write"]) == (10, 30, 10)
    assert timeouts["pool"] > 60


def test_the_newest_time_of_the_server_is_kept(clock: Clock) -> None:
    dates = ["Sun, 22 Nov 2026 10:00:05 GMT", "Sun, 22 Nov 2026 10:00:00 GMT", "nonsense"]
    client = client_of(clock, Api(clock, *(good({}, {"date": date}) for date in dates)))

    assert client.server_time is None
    for _ in dates:
        balance(client)
    assert client.server_time == datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)


# --- how quick it is -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("next_door")
def test_answers_come_at_once_while_the_quickest_of_the_last_eight_took_next_to_nothing(clock: Clock) -> None:
    times = [0.2, 0.001, *[0.2] * 8]

    def handler(_: httpx.Request) -> httpx.Response:
        clock.sleep(times[client.requests - 1])
        return good({})

    client = client_of(clock, handler)
    found = [client.answers_at_once]
    for _ in times:
        balance(client)
        found.append(client.answers_at_once)

    assert found == [False, False, *[True] * 8, False]


@pytest.mark.usefixtures("next_door")
@pytest.mark.parametrize("fault", [bad(503), bad(429, 971, "wait", retry_after="1"), httpx.ConnectError("refused")])
def test_once_a_request_was_sent_again_no_answer_counts_as_quick(clock: Clock, fault: Reply) -> None:
    client = client_of(clock, Api(clock, good({}), fault, *[good({})] * 20))
    balance(client)
    assert client.answers_at_once

    for _ in range(20):
        balance(client)
        assert not client.answers_at_once


# --- faults --------------------------------------------------------------------------------------------------------


def torn() -> Iterator[bytes]:
    yield b'{"success": true, '
    raise httpx.RemoteProtocolError("peer closed connection")


class Torn(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        return torn()


FAULTS: list[Reply] = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.PoolTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.ProxyError("proxy"),
    httpx.RemoteProtocolError("disconnected"),
    httpx.DecodingError("gzip"),
    httpx.Response(200, stream=Torn()),
    bad(408),
    bad(429),
    bad(500),
    bad(503),
    httpx.Response(520, text="error code: 520"),
    bad(200),
    good(None),
    httpx.Response(200),
    httpx.Response(200, html="<html>"),
    httpx.Response(200, text="hello"),
    httpx.Response(200, content=b'{"success": tr'),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_passing_fault_is_not_noticed(clock: Clock, fault: Reply) -> None:
    client = client_of(clock, Api(clock, fault, fault, good({"balance": 1})))

    assert balance(client) == {"balance": 1}
    assert client.requests == 3
    assert all(gap > 0.3 for gap in clock.sleeps)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (httpx.ReadTimeout("slow"), errors.UnreachableError),
        (httpx.RemoteProtocolError("disconnected"), errors.UnreachableError),
        (httpx.Response(200, stream=Torn()), errors.InvalidAnswerError),
        (bad(408), errors.BadRequestError),
        (bad(500, 7, "oops"), errors.ServerError),
        (bad(200), errors.InvalidAnswerError),
        (httpx.Response(200, html="<html>"), errors.ForeignAnswerError),
        (httpx.Response(302), errors.ForeignAnswerError),
        (httpx.Response(401, html="<html>"), errors.ForeignAnswerError),
        (httpx.Response(403, text="error code: 1010"), errors.ForeignAnswerError),
        (httpx.Response(404, html="<html>"), errors.ForeignAnswerError),
    ],
)
def test_a_lasting_fault_ends_after_six_attempts_within_a_minute(
    clock: Clock, fault: Reply, kind: type[errors.ApiError]
) -> None:
    api = Api(clock, fault)
    client = client_of(clock, api)

    error = failure(client)
    assert type(error) is kind
    assert (error.path, error.account_id) == ("ai-gateway/billing/credit-balance", ACCOUNT)
    assert client.requests == 6
    assert sum(clock.sleeps) < 60
    assert all(0.8 * base <= gap <= 1.2 * base for base, gap in zip([0.5, 1, 2, 4, 8], api.gaps, strict=True))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418])
def test_a_refusal_is_not_asked_again(clock: Clock, status: int) -> None:
    client = client_of(clock, Api(clock, bad(status, location="https://elsewhere.example/")))

    failure(client)
    assert client.requests == 1


def test_a_stalled_answer_is_asked_for_once_more_within_the_minute(clock: Clock) -> None:
    """The second attempt's read timeout is what the first has left over."""
    reads = []

    def handler(request: httpx.Request) -> httpx.Response:
        reads.append(request.extensions["timeout"]["read"])
        clock.sleep(reads[-1])
        raise httpx.ReadTimeout("slow")

    failure(client_of(clock, handler))
    assert len(reads) == 2
    assert sum(clock.sleeps) == pytest.approx(60)


def test_an_answer_that_drips_for_ever_is_cut(clock: Clock) -> None:
    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                clock.sleep(20)
                yield b" "

    client = client_of(clock, lambda _: httpx.Response(200, stream=Drip()))

    assert type(failure(client)) is errors.InvalidAnswerError
    assert client.requests == 1


def test_waiting_for_the_budget_is_no_fault(clock: Clock) -> None:
    client = client_of(clock, Api(clock, good({}), bad(500), good({})), budget=(1, 300.0))
    balance(client)

    assert balance(client) == {}
    assert client.requests == 3


# --- nobody there --------------------------------------------------------------------------------------------------


def test_refused_connections_end_within_25_seconds(clock: Clock) -> None:
    client = client_of(clock, Api(clock, httpx.ConnectError("[Errno 111] Connection refused")))

    error = failure(client)
    assert type(error) is errors.UnreachableError
    assert error.exit_code == 6
    assert "api.cloudflare.com did not answer credit-balance" in str(error)
    assert "Connection refused" in str(error)
    assert sum(clock.sleeps) < 25


def test_a_black_hole_ends_within_25_seconds(clock: Clock) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        clock.sleep(request.extensions["timeout"]["connect"])
        raise httpx.ConnectTimeout("slow")

    client = client_of(clock, handler)
    failure(client)

    assert client.requests == 2
    assert sum(clock.sleeps) < 25


def test_once_nobody_was_there_later_requests_try_once_and_shortly(clock: Clock) -> None:
    api = Api(clock, httpx.ConnectError("refused"))
    client = client_of(clock, api)
    failure(client)
    before, slept = client.requests, len(clock.sleeps)

    for _ in range(5):
        assert type(failure(client)) is errors.UnreachableError
    assert client.requests == before + 5
    assert len(clock.sleeps) == slept
    assert api.asked[-1].extensions["timeout"]["connect"] == 3


def test_any_answer_brings_the_patience_back(clock: Clock) -> None:
    down = httpx.ConnectError("refused")
    api = Api(clock, *[down] * 6, bad(404), down, good({}))
    client = client_of(clock, api)

    assert type(failure(client)) is errors.UnreachableError
    assert type(failure(client)) is errors.NotFoundError
    assert balance(client) == {}
    assert client.requests == 9


def test_eight_threads_find_nobody_in_the_same_time() -> None:
    """Each has its own clock here: what counts is that none starts over when another gave up."""
    lock = threading.Lock()
    attempts: list[str] = []

    def handler(_: httpx.Request) -> httpx.Response:
        with lock:
            attempts.append(threading.current_thread().name)
        raise httpx.ConnectError("refused")

    client = Client(TOKEN, transport=httpx.MockTransport(handler), sleep=lambda _: None, clock=lambda: 0.0)
    threads = [threading.Thread(target=lambda: [failure(client) for _ in range(2)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert max(attempts.count(thread.name) for thread in threads) <= 7
    assert client.requests == len(attempts)


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["7", "120", "300", "899"])
def test_retry_after_is_obeyed_whatever_its_length(clock: Clock, asked: str) -> None:
    client = client_of(clock, Api(clock, bad(429, 971, "wait", retry_after=asked), good({})))

    balance(client)
    assert clock.sleeps == [int(asked)]


def test_retry_after_may_be_a_date(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429, retry_after="Sun, 22 Nov 2026 10:35:00 GMT"), good({})))

    balance(client)
    assert clock.sleeps == [300]


def test_a_plain_text_429_without_retry_after_is_waited_out(clock: Clock) -> None:
    limited = httpx.Response(429, text="More than 1200 requests per 300 seconds")
    client = client_of(clock, Api(clock, *[limited] * 5, good({})))

    assert balance(client) == {}
    assert clock.sleeps == [2, 4, 8, 16, 32]


def test_retry_after_0_does_not_use_up_all_attempts_at_once(clock: Clock) -> None:
    client = client_of(clock, Api(clock, *[bad(429, retry_after="0")] * 5, good({})))

    assert balance(client) == {}
    assert clock.sleeps == [0.5, 1, 2, 4, 8]


def test_six_limited_answers_in_a_row_end_it(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429, 971, "wait", retry_after="10")))

    error = failure(client)
    assert type(error) is errors.RateLimitedError
    assert (error.exit_code, error.status, error.code) == (6, 429, 971)
    assert client.requests == 6
    assert clock.sleeps == [10] * 5


def test_limited_answers_count_only_in_a_row(clock: Clock) -> None:
    limited = bad(429, retry_after="1")
    client = client_of(clock, Api(clock, *[limited] * 5, bad(500), *[limited] * 5, good({})))

    assert balance(client) == {}


def test_being_limited_takes_nothing_from_the_time_for_faults(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429, retry_after="300"), *[bad(500)] * 5, good({})))

    assert balance(client) == {}


def test_a_wait_beyond_the_limit_is_refused_without_waiting(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429, retry_after="3600")))

    error = failure(client)
    assert type(error) is errors.RateLimitedError
    assert "3600 s more" in str(error)
    assert (clock.sleeps, client.requests) == ([], 1)


def test_all_waits_of_one_request_are_limited_together(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429, retry_after="400")))

    assert type(failure(client)) is errors.RateLimitedError
    assert clock.sleeps == [400, 400]


def test_the_limit_of_waiting_can_be_set(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429, retry_after="30")))
    client.hold_limit_s = 29

    assert type(failure(client)) is errors.RateLimitedError
    assert (client.hold_limit_s, clock.sleeps) == (29, [])


def test_after_a_refused_wait_nothing_is_sent_until_it_is_over(clock: Clock) -> None:
    """`retry-after` binds every request of the token, so none may go out in the meantime."""
    client = client_of(clock, Api(clock, bad(429, retry_after="3600"), good({})))
    failure(client)

    for call in (balance, Client.accounts, lambda it: it.credit_balance(OTHER)):
        assert type(failure(client, call)) is errors.RateLimitedError
    assert client.requests == 1

    clock.sleep(3600)
    assert balance(client) == {}


def test_once_given_up_as_limited_others_try_once(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(429)))
    failure(client)
    before = client.requests

    assert type(failure(client)) is errors.RateLimitedError
    assert client.requests == before + 1


def test_an_answer_of_another_endpoint_brings_the_patience_back(clock: Clock) -> None:
    """One endpoint that limits for ever must not take the others along."""

    def handler(request: httpx.Request) -> httpx.Response:
        return bad(429) if "usage-history" in request.url.path else good({})

    client = client_of(clock, handler)

    def waited_s() -> float:
        before = clock.passed
        failure(client, lambda it: it.usage_history(ACCOUNT, "day", 0, 1))
        return clock.passed - before

    first, without_patience = waited_s(), waited_s()

    assert balance(client) == {}
    assert without_patience < first
    assert waited_s() > without_patience


def test_a_503_with_retry_after_is_obeyed_too(clock: Clock) -> None:
    api = Api(clock, bad(503, retry_after="90"), good({}))

    assert balance(client_of(clock, api)) == {}
    assert api.gaps == [pytest.approx(90)]


def test_retry_after_binds_every_thread(clock: Clock) -> None:
    """While one thread sleeps out its limit, no other one sends."""
    gate_until = clock.monotonic() + 120
    lock = threading.Lock()
    early: list[float] = []
    first = threading.Event()

    def handler(_: httpx.Request) -> httpx.Response:
        with lock:
            if not first.is_set():
                first.set()
                return bad(429, retry_after="120")
            if clock.monotonic() < gate_until:
                early.append(clock.monotonic())
        return good({})

    client = client_of(clock, handler)
    head = threading.Thread(target=balance, args=(client,))
    head.start()
    first.wait(10)
    head.join(10)
    threads = [threading.Thread(target=balance, args=(client,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert early == []
    assert client.requests == 10


def test_an_announced_end_of_the_limit_is_respected(clock: Clock) -> None:
    client = client_of(clock, Api(clock, good({}, {"Ratelimit": '"default";r=0;t=30'}), good({})))

    balance(client)
    balance(client)
    assert clock.sleeps == [30]


def test_headers_are_obeyed_without_a_budget(clock: Clock) -> None:
    client = client_of(clock, Api(clock, good({}, {"Ratelimit": '"default";r=0;t=30'}), good({})), budget=None)

    balance(client)
    balance(client)
    assert clock.sleeps == [30]


def test_the_budget_stays_under_1200_requests_in_five_minutes(clock: Clock) -> None:
    api = Api(clock, good({}))
    client = client_of(clock, api)
    for _ in range(1300):
        balance(client)

    assert len([moment for moment in api.times if moment - api.times[0] < 300]) == 1140


def test_no_address_sends_more_than_200_requests_in_a_second(clock: Clock) -> None:
    """Queries have a pace of their own: 142 requests and 47 queries at most."""
    api = Api(clock, good({}))
    client = client_of(clock, api)
    for _ in range(500):
        balance(client)

    assert Counter(int(moment - api.times[0]) for moment in api.times) == {0: 142, 1: 142, 2: 142, 3: 74}
    assert endpoints.BURST[0] + graphql.BURST[0] == 200


def test_requests_per_second_are_kept(clock: Clock) -> None:
    api = Api(clock, good({}))
    client = client_of(clock, api, max_requests_per_second=2.0)
    for _ in range(5):
        balance(client)

    assert api.gaps == [0.5] * 4


def test_a_sleep_that_raises_ends_the_request(clock: Clock) -> None:
    def sleep(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        balance(client_of(clock, Api(clock, bad(500)), sleep=sleep))


# --- nothing leaks -------------------------------------------------------------------------------------------------

LEAKS = (TOKEN, "4242", "invoice.example")
WORDS = f"Bearer {TOKEN} {TOKEN} card 4242 https://invoice.example/i/x"


@pytest.mark.parametrize(
    "reply",
    [
        *(bad(status, message=WORDS) for status in (200, 400, 401, 403, 404, 429, 500)),
        httpx.ConnectError(WORDS),
        httpx.ReadError(WORDS),
        httpx.Response(200, text=WORDS),
        httpx.Response(302, headers={"location": f"https://invoice.example/{TOKEN}"}),
    ],
    ids=repr,
)
def test_no_error_and_no_log_line_shows_what_is_secret(
    clock: Clock, caplog: pytest.LogCaptureFixture, reply: Reply
) -> None:
    caplog.set_level(logging.DEBUG, logger="ai_gateway_billing")

    error = failure(client_of(clock, Api(clock, reply)))
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    shown += "".join(record.getMessage() for record in caplog.records if record.name.startswith("ai_gateway"))
    assert not [leak for leak in LEAKS if leak in shown]


def test_no_error_holds_the_request(clock: Clock) -> None:
    """httpx's errors do, with the token in its headers; a debugger or crash reporter would show it."""
    error = failure(client_of(clock, Api(clock, httpx.ConnectError("refused"))))

    assert error.__cause__ is None
    assert error.__context__ is None


def test_log_lines_name_endpoint_account_status_and_wait(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="ai_gateway_billing")
    balance(client_of(clock, Api(clock, bad(500), bad(429, retry_after="9"), good({}))))

    place = f"ai-gateway/billing/credit-balance of account {ACCOUNT}"
    assert [record.getMessage() for record in caplog.records if record.name.startswith("ai_gateway")] == [
        f"{place}: HTTP 500; again in {clock.sleeps[0]:.1f} s",
        f"{place}: HTTP 429; all wait 9.0 s",
        "No request for 9 s: Cloudflare limits this token.",
    ]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.usefixtures("next_door")
@pytest.mark.parametrize("fault", [bad(503), bad(200), httpx.ReadError("x"), httpx.Response(403, text="<html>")])
def test_an_outage_is_told_in_one_line_when_it_begins_to_be_waited_for(
    clock: Clock, caplog: pytest.LogCaptureFixture, fault: Reply
) -> None:
    failure(client_of(clock, Api(clock, fault)))

    (line,) = warnings(caplog)
    assert line.startswith(f"No good answer so far: ai-gateway/billing/credit-balance of account {ACCOUNT}: ")
    assert line.endswith("Trying again for up to a minute.")


def test_no_message_names_an_account_where_there_is_none(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="ai_gateway_billing")

    error = failure(client_of(clock, Api(clock, bad(503))), Client.accounts)
    assert "None" not in caplog.text + str(error)
    assert "accounts: HTTP 503" in caplog.text


def test_a_passing_fault_is_not_worth_a_warning(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    balance(client_of(clock, Api(clock, bad(503), good({}))))

    assert warnings(caplog) == []


def test_an_outage_of_everything_is_not_waited_for_by_every_request(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(503)))
    for _ in range(40):
        failure(client)

    assert client.requests == 20 * 6 + 20


def test_a_good_answer_brings_the_attempts_back(clock: Clock) -> None:
    client = client_of(clock, Api(clock, *[bad(503)] * (20 * 6), good({}), bad(503), good({})))
    for _ in range(20):
        failure(client)

    assert [balance(client), balance(client)] == [{}, {}]


def test_an_answer_in_pieces_of_gzip_is_read_whole(clock: Clock) -> None:
    """Two members in one body, as something in between makes them."""
    text = json.dumps({"success": True, "result": {"balance": 5}}).encode()
    packed = gzip.compress(text[:20]) + gzip.compress(text[20:])
    client = client_of(clock, lambda _: arriving(packed, encoding="gzip"))

    assert balance(client) == {"balance": 5}


@pytest.mark.parametrize(
    ("body", "encoding", "words"),
    [
        (gzip.compress(b"0" * (MAX_BYTES + 1)), "gzip", "it is larger than 32 MiB"),
        (b"0" * (MAX_BYTES + 1), "", "it is larger than 32 MiB"),
        (b"no gzip", "gzip", "its compression is damaged"),
        (gzip.compress(b'{"success": true}')[:-3], "gzip", "its compression is damaged"),
        (b"x", "br", "packed in a way that was not asked for"),
    ],
    ids=["bomb", "large", "damaged", "cut", "brotli"],
)
def test_a_body_that_cannot_be_taken_in_is_that_requests_failure(
    clock: Clock, body: bytes, encoding: str, words: str
) -> None:
    client = client_of(clock, lambda _: arriving(body, encoding=encoding))

    error = failure(client)
    assert type(error) is errors.InvalidAnswerError
    assert words in str(error)
    assert "credit-balance" in str(error)


def arriving(body: bytes, encoding: str) -> httpx.Response:
    """An answer that comes in pieces, as from a network."""
    pieces = [body[n : n + 65536] for n in range(0, len(body), 65536)]
    return httpx.Response(200, headers={"content-encoding": encoding}, stream=Pieces(pieces))


class Pieces(httpx.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
