"""Things that go wrong between a client and the API, each switched on for some requests.

    faults.add(503, endpoint="usage-history", nth=3)          the third matching request, once
    faults.add("torn_body", every=5)                          one in five, anywhere
    faults.add(429, retry_after=7, times=2)                   the first two
    faults.add("timeout", account_id=other, probability=0.2)  by a seeded coin
    faults.add("mutate", action=lambda world: ...)            change the world just before the answer
    faults.add("html", status=404)                            a page of something in between, at any status
    faults.add("alter", change=lambda body: ...)              change the bytes of the answer

Rules count only the requests that match their endpoint and account, from the moment they were added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from random import Random
from typing import Any, NamedTuple

from .answers import JSON, Answer, Call, failure
from .exact import encode
from .world import World

Proceed = Callable[[Call], Answer]


class _Struck(NamedTuple):
    """A call that a fault strikes, and what would have answered it."""

    call: Call
    proceed: Proceed
    world: World
    now: datetime

    def answer(self) -> Answer:
        """The answer that the fault spoils."""
        return self.proceed(self.call)


HTML = {"Content-Type": "text/html; charset=UTF-8"}
TEXT = {"Content-Type": "text/plain; charset=UTF-8"}
PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
_EDGE = {502: "Bad gateway", 503: "Service unavailable", 504: "Gateway time-out"}
_CODES = {400: 7001, 401: 10000, 403: 10000, 404: 7003, 429: 971, 500: 7000}


@dataclass
class Fault:
    """One rule: what happens (`kind`), to which requests, how often. `seen` and `fired` count so far."""

    kind: str | int
    endpoint: str | None = None
    account_id: str | None = None
    nth: int | Collection[int] | None = None
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0

    def fires(self, call: Call, random: Random) -> bool:
        """Whether this rule strikes the call; counts it."""
        if self.endpoint not in (None, call.endpoint) or self.account_id not in (None, call.account_id):
            return False
        self.seen += 1
        strikes = self._is_due(random) and (self.times is None or self.fired < self.times)
        self.fired += strikes
        return strikes

    def _is_due(self, random: Random) -> bool:
        if self.nth is not None:
            return self.seen == self.nth if isinstance(self.nth, int) else self.seen in self.nth
        if self.every is not None:
            return self.seen % self.every == 0
        return self.probability is None or random.random() < self.probability


class Faults:
    """The rules in force. Where several strike at once, the one added first is nearest to the client."""

    def __init__(self, seed: int = 0) -> None:
        self.rules: list[Fault] = []
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret

    def add(
        self,
        kind: str | int,
        *,
        endpoint: str | None = None,
        account_id: str | None = None,
        nth: int | Collection[int] | None = None,
        every: int | None = None,
        probability: float | None = None,
        times: int | None = None,
        **options: Any,
    ) -> Fault:
        """Switch a fault on: a name of `KINDS`, or an HTTP status. Raises ValueError for an unknown name."""
        if isinstance(kind, str) and kind not in KINDS:
            raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
        rule = Fault(kind, endpoint, account_id, nth, every, probability, times, options)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Switch all faults off."""
        self.rules.clear()

    def apply(self, call: Call, world: World, now: datetime, proceed: Proceed) -> Answer:
        """The answer to a call, through every rule that strikes it."""
        for rule in reversed([rule for rule in self.rules if rule.fires(call, self.random)]):
            proceed = _through(rule, world, now, proceed)
        return proceed(call)


def _through(rule: Fault, world: World, now: datetime, proceed: Proceed) -> Proceed:
    strike = partial(_status, status=rule.kind) if isinstance(rule.kind, int) else KINDS[rule.kind]
    return lambda call: strike(_Struck(call, proceed, world, now), **rule.options)


def _status(
    struck: _Struck,
    *,
    status: int,
    code: int | None = None,
    message: str = "Simulated failure",
    body: str | None = None,
    retry_after: int | str | timedelta | None = None,
) -> Answer:
    """An HTTP status: a page of HTML for 502 to 504 and 52x, else an envelope, or `body` as plain text.

    `retry_after` is sent in seconds, as an HTTP date when it is a timedelta from now, verbatim when text.
    """
    number = code if code is not None else _CODES.get(status, 1000 + status)
    answer = failure(status, number, message)
    if body is not None:
        answer = Answer(status, body.encode(), dict(TEXT))
    elif code is None and (status in _EDGE or status >= 520):
        title = f"{status} {_EDGE.get(status, 'Web server error')}"
        answer = Answer(status, PAGE.format(title).encode(), dict(HTML))
    if isinstance(retry_after, timedelta):
        retry_after = format_datetime((struck.now + retry_after).replace(microsecond=0), usegmt=True)
    return answer if retry_after is None else answer.with_headers(Retry_After=str(retry_after))


def _mutate(struck: _Struck, action: Callable[[World], object]) -> Answer:
    action(struck.world)
    return struck.answer()


def _alter(struck: _Struck, change: Callable[[bytes], bytes]) -> Answer:
    answer = struck.answer()
    return replace(answer, body=change(answer.body))


def _refused(_struck: _Struck) -> Answer:
    """Nobody took the request, so it changed nothing; after the other breakages it did what it asks for."""
    return Answer(200, b"", breakage="refused")


def _broken(struck: _Struck, kind: str) -> Answer:
    return replace(struck.answer(), breakage=kind)


def _body(_struck: _Struck, body: str, headers: dict[str, str] = JSON, status: int = 200) -> Answer:
    return Answer(status, body.encode(), dict(headers))


def _envelope(_struck: _Struck, **changes: Any) -> Answer:
    envelope = {"result": None, "success": True, "errors": [], "messages": []} | changes
    return Answer(200, encode(envelope).encode())


def _truncated(struck: _Struck) -> Answer:
    answer = struck.answer()
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def _filled_errors(struck: _Struck) -> Answer:
    """Success that carries errors and messages all the same, as the API's published examples do."""
    answer = struck.answer()
    filled = encode([{"code": 1000, "message": "message"}])
    body = answer.body.replace(b'"errors":[],"messages":[]', f'"errors":{filled},"messages":{filled}'.encode())
    return replace(answer, body=body)


def _wrong_content_type(struck: _Struck, content_type: str = "text/plain") -> Answer:
    return struck.answer().with_headers(Content_Type=content_type)


def _slow(struck: _Struck, delay_s: float = 1.0) -> Answer:
    return replace(struck.answer(), delay_s=delay_s)


def _ignored_page(struck: _Struck) -> Answer:
    return struck.proceed(replace(struck.call, query=struck.call.query | {"page": "1"}))


def _ignored_type(struck: _Struck) -> Answer:
    return struck.proceed(replace(struck.call, query=struck.call.query | {"type": "all"}))


def _html(_struck: _Struck, status: int = 200, title: str = "Just a moment...") -> Answer:
    """A page that a proxy, a login or a challenge puts in place of the API's answer."""
    return Answer(status, PAGE.format(title).encode(), dict(HTML))


def _foreign(_struck: _Struck, status: int = 200, body: object = None) -> Answer:
    """JSON of somebody else, without the API's envelope."""
    return Answer(status, encode(_GATEWAY if body is None else body).encode(), dict(JSON))


def _graphql_error(struck: _Struck, *, data: str = "null", message: str = "internal server error") -> Answer:
    """HTTP 200 with `errors`; `data` is null, `half` (what there is, and yet not all), or any JSON text."""
    errors = encode([{"message": message, "path": None, "extensions": {"code": "500"}}])
    if data == "half":
        answer = struck.answer()
        return replace(answer, body=answer.body.replace(b'"errors":null', b'"errors":' + errors.encode()))
    return Answer(200, f'{{"data":{data},"errors":{errors}}}'.encode())


_GATEWAY = {"message": "no Route matched with those values", "request_id": "0f0e"}
_LIMITED = "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed"

KINDS: dict[str, Callable[..., Answer]] = {
    "refused": _refused,
    **{kind: partial(_broken, kind=kind) for kind in ("reset", "timeout", "torn_body")},
    "truncated_json": _truncated,
    "invalid_json": partial(_body, body='{"result": {,}, "success": true}'),
    "html": _html,
    "html_200": _html,
    "html_502": partial(_html, status=502, title="502 Bad gateway"),
    "foreign": _foreign,
    "challenge": partial(_body, body="error code: 1010", headers=TEXT, status=403),
    "plain_429": partial(_body, body=_LIMITED, headers=TEXT, status=429),
    "empty_body": partial(_body, body=""),
    "wrong_content_type": _wrong_content_type,
    "success_false_200": partial(_envelope, success=False, errors=[{"code": 1001, "message": "Simulated failure"}]),
    "null_result_200": _envelope,
    "filled_errors": _filled_errors,
    "graphql_error": _graphql_error,
    "slow": _slow,
    "ignored_page": _ignored_page,
    "ignored_type": _ignored_type,
    "mutate": _mutate,
    "alter": _alter,
}
"""Every kind by name, besides any HTTP status as an int."""
