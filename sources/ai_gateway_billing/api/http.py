"""One GET over the wire, tried until it is answered, refused, or not worth another attempt.

httpx's own errors hold the request and so the token: they end here.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from typing import Final, Self
from urllib.parse import SplitResult, urlencode

import httpx

from ai_gateway_billing.errors import ApiError, RateLimitedError, UnreachableError, redact
from ai_gateway_billing.redaction import without_secret

from .bodies import TooLargeError
from .connections import Connections, body_of
from .envelope import Answer, Origin, judge, unusable
from .environment import Route, route
from .limits import HoldTooLongError, Pace, asked_wait_s, http_date
from .retries import FAULT_LIMIT_S, HOLD_LIMIT_S, Health, Patience, log_words

READ_S: Final = 30.0

_TIMEOUT: Final = httpx.Timeout(10.0, read=READ_S, pool=120.0)
_TIMEOUT_WHEN_DOWN: Final = httpx.Timeout(10.0, connect=3.0)
_NO_CONNECTION: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)

Params = dict[str, str | int]
Send = Callable[[httpx.Timeout], AbstractContextManager[httpx.Response]]

logger = logging.getLogger(__name__)


class Connected:
    """Something with connections, to be closed or used in a `with` statement."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError


class Wire:
    """Connections, pace and health of one token. Thread-safe. `requests` counts all that was sent.

    Its arguments are those of `Client`, checked.
    """

    def __init__(
        self,
        token: str,
        base_url: SplitResult,
        pace: Pace,
        *,
        transport: httpx.BaseTransport | None,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.requests = 0
        self.server_time: datetime | None = None
        self.told_at = 0.0
        self.hold_limit_s = HOLD_LIMIT_S
        self.host = base_url.hostname or ""
        self._base_url = base_url.geturl()
        self._pace, self._sleep, self._clock, self._now = pace, sleep, clock, now
        self._lock = threading.Lock()
        self._health = Health()
        self.route = Route(verify=False) if transport else route(base_url)
        limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
        self._http = Connections(token, self.route, transport, limits)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(
        self, origin: Origin, params: Params | None = None, *, null_is_a_state: bool = False, is_once: bool = False
    ) -> Answer:
        """Send one GET until it is answered, refused, or not worth another attempt; `is_once`: one attempt."""
        scope = f"accounts/{origin.account_id}/" if origin.account_id else ""
        url = f"{self._base_url}/{scope}{origin.path}{f'?{urlencode(params)}' if params else ''}"

        def send(timeout: httpx.Timeout) -> AbstractContextManager[httpx.Response]:
            return self._http.answer(self._http.request("GET", url, timeout))

        return self._tried(origin, send, partial(judge, null_is_a_state=null_is_a_state), is_once=is_once)

    def _tried(self, origin: Origin, send: Send, judged: Callable[..., Answer], *, is_once: bool = False) -> Answer:
        """What `judged` makes of the answer's status, headers, body and origin."""
        patience = Patience(self._health, self._clock)

        def attempt() -> Answer:
            self._take_turn(origin, patience)
            status, headers, body = self._exchange(origin, send, patience)
            with self._lessons(headers, patience):
                return judged(status, headers, body, origin)

        try:
            return attempt() if is_once else patience.retrying(self._sleep)(attempt)
        finally:
            patience.end()

    @contextmanager
    def _lessons(self, headers: httpx.Headers, patience: Patience) -> Iterator[None]:
        """Tell the other threads what the answer means for them."""
        try:
            yield
        except RateLimitedError as error:
            patience.limited += 1
            hold_s = patience.hold_s(asked_wait_s(headers, self._now))
            logger.info("%s; all wait %.1f s", log_words(error), hold_s)
            self._pace.hold(hold_s)
            raise
        except ApiError as error:
            self._health.limited, patience.limited = False, 0
            if not error.retryable:  # Cloudflare's own word, not that of something in between
                self._health.given_up = 0
                self._note_time(headers)
            self._pace.hold(asked_wait_s(headers, self._now) or 0.0)
            raise
        self._health.limited, self._health.given_up = False, 0
        self._note_time(headers)

    def _take_turn(self, origin: Origin, patience: Patience) -> None:
        before = self._clock()
        try:
            self._pace.wait(self.hold_limit_s)
            failure = None
        except HoldTooLongError as error:
            failure = origin.error(
                RateLimitedError,
                f"Cloudflare limits the requests of this token: {origin.words()} would have to wait "
                f"{error.seconds:.0f} s more. Nothing is lost: run again after that.",
            )
        if failure:  # raised here, so that no cause hangs on it
            self._health.limited = True
            raise failure
        patience.paused_s += self._clock() - before

    def _exchange(self, origin: Origin, send: Send, patience: Patience) -> tuple[int, httpx.Headers, bytes]:
        status = None
        failure: ApiError
        began = self._clock()
        with self._lock:
            self.requests += 1
        try:
            with send(self._timeout(patience)) as response:
                status = response.status_code
                self._heard(response.headers)
                body = body_of(response, lambda: self._clock() - began > FAULT_LIMIT_S)
                self._health.lately.append(self._clock() - began)
                return status, response.headers, without_secret(body, origin.secret)
        except TooLargeError as error:
            failure = unusable(origin, status or 0, str(error))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:  # the latter from a proxy's address
            patience.connected = not isinstance(error, _NO_CONNECTION)
            failure = self._broken(origin, error, status)
        patience.attempt_s = self._clock() - began
        raise failure

    def _timeout(self, patience: Patience) -> httpx.Timeout:
        """Shorter when nobody was there just now; on later attempts no longer than the limit leaves."""
        if self._health.down:
            return _TIMEOUT_WHEN_DOWN
        if not patience.faults:
            return _TIMEOUT
        return httpx.Timeout(
            connect=_TIMEOUT.connect,
            read=min(READ_S, max(1.0, FAULT_LIMIT_S - patience.spent_s)),
            write=_TIMEOUT.write,
            pool=_TIMEOUT.pool,
        )

    def _heard(self, headers: httpx.Headers) -> None:
        self._health.down = False
        self._pace.observe(headers)

    def _note_time(self, headers: httpx.Headers) -> None:
        moment = http_date(headers.get("date", ""))
        with self._lock:
            if moment and (self.server_time is None or moment >= self.server_time):
                self.server_time, self.told_at = moment, self._clock()

    @property
    def answers_at_once(self) -> bool:
        """Whether answers take next to no time, and none had to be asked for twice."""
        return self._health.is_quick

    def age_s(self) -> float:
        """Seconds since `server_time` was told."""
        return self._clock() - self.told_at

    def _broken(self, origin: Origin, error: Exception, status: int | None) -> ApiError:
        """An answer that was cut off is a bad answer; none at all is nobody there."""
        reason = what_broke(error, origin.secret)
        if status is not None:
            return unusable(origin, status, f"it was cut off ({reason})")
        return origin.error(
            UnreachableError,
            f"{self.host} did not answer {origin.words()} ({reason}). {self.route.advice(reason)} "
            "Nothing is lost: run again.",
            reason=reason,
            retryable="CERTIFICATE_VERIFY_FAILED" not in reason,
        )


def what_broke(error: Exception, secret: str) -> str:
    """What kind of failure of the network it was, and what it says of itself, fit for a message."""
    kinds = {
        httpx.ConnectTimeout: "no connection in time",
        httpx.TimeoutException: "no answer in time",
        httpx.ProxyError: "the proxy refused",
        httpx.ConnectError: "no connection",
        httpx.NetworkError: "the connection broke",
        httpx.ProtocolError: "the connection broke",
    }
    kind = next((words for kind, words in kinds.items() if isinstance(error, kind)), "the connection failed")
    return redact(f"{kind}: {error}", secret=secret, limit=160).rstrip(": .")
