"""Sends what changes an account: each operation exactly once, without a retry and without following a redirect.

Kept apart from the reading client, which cannot write; `operations` says what there is to send.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar

import httpx

from ai_gateway_billing.api.bodies import TooLargeError
from ai_gateway_billing.api.connections import Connections, body_of
from ai_gateway_billing.api.endpoints import BASE_URL, SPENDING_LIMIT
from ai_gateway_billing.api.envelope import Origin, judge, numbers
from ai_gateway_billing.api.environment import Route, route
from ai_gateway_billing.api.http import Connected, what_broke
from ai_gateway_billing.api.inputs import checked_base_url, checked_token
from ai_gateway_billing.errors import (
    ApiError,
    ForeignAnswerError,
    InvalidAnswerError,
    OutcomeUnknownError,
    PaymentDeclinedError,
    ServerError,
    UnreachableError,
)

from .answers import UnusableError

PERMISSION: Final = "AI Gateway Write"

_ANSWER_LIMIT_S: Final = 120.0
_TIMEOUT: Final = httpx.Timeout(10.0, read=60.0, write=30.0)
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_NO_MANUAL_TOPUP: Final = "The account has to be topped up by hand once before this is possible. Nothing was changed."
_NO_PERMISSION: Final = f'The token may lack the permission "{PERMISSION}" on this account, or be no good: verify it.'

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One request as a value, so that it can be shown before it is sent.

    `read` makes the answer's `result` into what the operation returns, and raises `UnusableError` for one that it
    cannot use. `words` explain a refusal by its HTTP status. `find_out` says how to learn whether the change was
    made, when no answer tells; it is empty for an operation that changes nothing.
    """

    method: str
    endpoint: str
    account_id: str
    body: Mapping[str, Any] | None
    read: Callable[[Any], T] = field(repr=False)
    words: Mapping[int, str] = field(repr=False)
    find_out: str = field(repr=False)

    @property
    def is_change(self) -> bool:
        """Whether it changes the account."""
        return bool(self.find_out)

    @property
    def path(self) -> str:
        """The endpoint without the account."""
        return f"ai-gateway/billing/{self.endpoint}"


class Shown(NamedTuple):
    """A request as it would be sent, the token aside."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class Sender(Connected):
    """Sends operations with one token, which needs "AI Gateway Write". Close it or use it in a `with` statement.

    `transport` and `clock` (seconds, monotonic) are for tests.
    """

    def __init__(
        self,
        api_token: str,
        *,
        base_url: str = BASE_URL,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = checked_token(api_token)
        url = checked_base_url(base_url)
        self._base_url, self._host = url.geturl(), url.hostname or ""
        self._clock = clock
        self._route = Route(verify=False) if transport else route(url)
        limits = httpx.Limits(max_keepalive_connections=0)  # one gone stale would leave an outcome unknown
        self._http = Connections(self._secret, self._route, transport, limits)

    def __repr__(self) -> str:
        return f"<Sender to {self._host}>"

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def show(self, operation: Operation[Any]) -> Shown:
        """The exact request of an operation with its token masked; sends nothing."""
        request = self._request(operation)
        names = [name.decode() for name, _ in request.headers.raw]
        headers = {name: request.headers[name] for name in names} | {"Authorization": "Bearer ***"}
        return Shown(request.method, str(request.url), headers, request.content.decode())

    def send(self, operation: Operation[T]) -> T:
        """Send it once and return what came of it.

        Raises `OutcomeUnknownError` when a change was sent and no answer tells whether it happened: a timeout, a
        broken connection, 5xx, an answer that cannot be read. `UnreachableError`: no connection came about, so
        nothing was sent. Any other `ApiError`: refused, nothing changed.
        """
        origin = Origin(operation.path, operation.account_id, self._secret)
        status, headers, body = self._exchange(operation, origin)
        result: Any = None
        failure: ApiError | None = None
        try:
            result = judge(status, headers, body, origin, null_is_a_state=operation.is_change).result
        except ApiError as error:
            failure = _explained(operation, origin, error)
        if failure:  # raised here, so that no cause hangs on it
            raise failure
        try:
            return operation.read(result)
        except UnusableError as error:
            problem = str(error)
        raise _unusable(operation, origin, problem)

    def _request(self, operation: Operation[Any]) -> httpx.Request:
        url = f"{self._base_url}/accounts/{operation.account_id}/{operation.path}"
        if operation.body is None:
            return self._http.request(operation.method, url, _TIMEOUT)
        body = json.dumps(operation.body, separators=(",", ":")).encode()
        return self._http.request(operation.method, url, _TIMEOUT, body)

    def _exchange(self, operation: Operation[Any], origin: Origin) -> tuple[int, httpx.Headers, bytes]:
        began = self._clock()
        try:
            with self._http.answer(self._request(operation)) as response:
                body = body_of(response, lambda: self._clock() - began > _ANSWER_LIMIT_S)
                return response.status_code, response.headers, body
        except (httpx.HTTPError, TooLargeError, OSError, ValueError) as error:
            reason = what_broke(error, self._secret)  # the error contains the request and so the token: it ends here
            was_sent = not isinstance(error, _NOT_SENT)
        if was_sent and operation.is_change:
            raise unknown(operation, reason)
        raise origin.error(
            UnreachableError,
            f"{self._host} did not answer {origin.words()} ({reason}). Nothing was changed. "
            f"{self._route.advice(reason)} Then run again.",
            reason=reason,
        )


def unknown(operation: Operation[Any], reason: str, status: int | None = None) -> OutcomeUnknownError:
    """The error for a change that was sent and then lost sight of."""
    origin = Origin(operation.path, operation.account_id)
    return origin.error(
        OutcomeUnknownError,
        f"{operation.method} {origin.words()} was sent, but no answer says what happened ({reason}). Whether it "
        f"happened is unknown: do not send it again before you know. {operation.find_out}",
        status=status,
        reason=reason,
    )


def _explained(operation: Operation[Any], origin: Origin, error: ApiError) -> ApiError:
    """The refusal in the words of its operation; the same error where there is nothing to add."""
    is_open = isinstance(error, ForeignAnswerError | InvalidAnswerError | ServerError) or error.status == 408
    told, said = numbers(error.status, error.code), f": {error.reason}" if error.reason else ""
    if is_open and operation.is_change:
        return unknown(operation, told + said, error.status)
    words = operation.words.get(error.status or 0)
    if words is None and error.status == 403 and operation.method != "GET":
        words = _NO_PERMISSION
    if SPENDING_LIMIT.nothing and SPENDING_LIMIT.nothing.is_said_by(error):
        words = _NO_MANUAL_TOPUP
    if words is None:
        return error
    kind = PaymentDeclinedError if error.status == 402 else type(error)
    return kind(
        f"Cloudflare refused {operation.method} {origin.words()} ({told}){said}. {words}",
        status=error.status,
        code=error.code,
        path=error.path,
        account_id=error.account_id,
        reason=error.reason,
    )


def _unusable(operation: Operation[Any], origin: Origin, problem: str) -> ApiError:
    """The error for a success whose content is not as documented. A change has been made all the same."""
    advice = "The API may have changed: report this."
    kind: type[ApiError] = InvalidAnswerError
    if operation.is_change:
        kind, advice = OutcomeUnknownError, f"It was accepted: do not send it again. {operation.find_out}"
    message = f"The answer of {operation.method} {origin.words()} cannot be used: {problem}. {advice}"
    return origin.error(kind, message, status=200)
