"""The pretend API: calls in, answers out, as an httpx transport or on a socket, with a log of requests."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple

import httpx

from . import api
from .answers import Answer, Call
from .faults import Faults
from .limits import RateLimit
from .server import serving
from .world import World


def utc_now() -> datetime:
    """The real time, for those who name no other."""
    return datetime.now(UTC)


class LoggedRequest(NamedTuple):
    """One request as it came in, without any header. `status` is 0 where the connection was broken."""

    method: str
    path: str
    query: dict[str, str]
    endpoint: str | None
    account_id: str | None
    status: int


class Simulator:
    """The API over a world, at a `now` that the caller owns. Safe to use from many threads."""

    def __init__(
        self,
        world: World,
        now: Callable[[], datetime] = utc_now,
        *,
        rate_limit: RateLimit | None = None,
        graphql_limit: RateLimit | None = None,
        seed: int = 0,
        latency_s: float = 0.0,
        compresses: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.world = world
        self.now = now
        self.faults = Faults(seed)
        self.rate_limit = rate_limit
        self.graphql_limit = graphql_limit
        """The budget of GraphQL queries, which count for no other."""
        self.latency_s = latency_s
        self.requests: list[LoggedRequest] = []
        self.lock = threading.RLock()
        """Held while an answer is made; hold it to change the world while the simulator is being served."""
        self._compresses = compresses
        self._sleep = sleep

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer an httpx request, for `httpx.MockTransport(simulator.handle)`.

        Broken connections are raised as httpx would raise them. Slow answers are slept through with `sleep`,
        or raised as ReadTimeout where the request's own read timeout is shorter.
        """
        timeout = request.extensions.get("timeout", {}).get("read")
        headers = {name.lower(): text for name, text in request.headers.items()}
        query = dict(request.url.params.multi_items())
        answer = self.answer(Call(request.method, request.url.path, query, headers, body=request.read()))
        if timeout is not None and answer.delay_s > timeout:
            raise httpx.ReadTimeout("timed out", request=request)
        if answer.delay_s:
            self._sleep(answer.delay_s)
        if answer.breakage:
            raise _BREAKAGES[answer.breakage](f"simulated: {answer.breakage}", request=request)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)

    def serve(self, port: int = 0) -> AbstractContextManager[str]:
        """Serve on 127.0.0.1 while the context lasts; it yields the base URL. Port 0 takes a free one."""
        return serving(self, port)

    def answer(self, call: Call) -> Answer:
        """The answer to a call whose path begins with the base path; logs it."""
        if call.path.startswith(api.BASE_PATH + "/"):
            call = api.route(replace(call, path=call.path.removeprefix(api.BASE_PATH)))
        with self.lock:
            now = self.now()
            answer = self._limited(call, now)
            status = 0 if answer.breakage else answer.status
            self.requests.append(
                LoggedRequest(call.method, call.path, call.query, call.endpoint, call.account_id, status)
            )
        answer = replace(answer, delay_s=answer.delay_s + self.latency_s) if self.latency_s else answer
        return self._dressed(call, answer, now)

    def _limited(self, call: Call, now: datetime) -> Answer:
        limit = self.graphql_limit if call.endpoint == "graphql" else self.rate_limit
        if limit is None:
            return self._faulty(call, now)
        token = call.headers.get("authorization", "")
        refusal = limit.take(token, now.timestamp())
        answer = refusal or self._faulty(call, now)
        return replace(answer, headers=answer.headers | limit.headers(token, now.timestamp()))

    def _faulty(self, call: Call, now: datetime) -> Answer:
        return self.faults.apply(call, self.world, now, lambda final: api.answer(self.world, final, now))

    def _dressed(self, call: Call, answer: Answer, now: datetime) -> Answer:
        date = format_datetime(now.astimezone(UTC).replace(microsecond=0), usegmt=True)
        headers = {"Date": date} | answer.headers
        if self._compresses and "gzip" in call.headers.get("accept-encoding", ""):
            packed = gzip.compress(answer.body, 1, mtime=0)
            return replace(answer, headers=headers | {"Content-Encoding": "gzip"}, body=packed)
        return replace(answer, headers=headers)


_BREAKAGES: dict[str, type[httpx.TransportError]] = {
    "refused": httpx.ConnectError,
    "reset": httpx.ReadError,
    "timeout": httpx.ReadTimeout,
    "torn_body": httpx.RemoteProtocolError,
}
