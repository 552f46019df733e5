"""A client over a pretended transport: answers in the order that a test gives them, and no test really waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ai_gateway_billing import errors
from ai_gateway_billing.api.client import Client
from support.clock import Clock
from support.constants import ACCOUNT, TOKEN

Reply = httpx.Response | Exception
Call = Callable[[Client], Any]


def good(result: object, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
    """An answer with a result."""
    envelope = {"success": True, "result": result, "errors": [], "messages": []} | more
    return httpx.Response(200, json=envelope, headers=headers)


def bad(status: int, code: int = 1001, message: str = "broken", **headers: str) -> httpx.Response:
    """A refusal in Cloudflare's form."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    envelope = {"success": False, "result": None, "errors": [{"code": code, "message": message}]}
    return httpx.Response(status, json=envelope, headers=sent)


class Api:
    """Gives the replies in order, the last one for ever; remembers what it was asked and when."""

    def __init__(self, clock: Clock, *replies: Reply) -> None:
        self.clock, self.replies = clock, replies
        self.asked: list[httpx.Request] = []
        self.times: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        self.times.append(self.clock.monotonic())
        reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        content = reply.content if reply.is_closed else reply.stream
        return httpx.Response(reply.status_code, headers=reply.headers, content=content)

    @property
    def gaps(self) -> list[float]:
        """Seconds between one request and the next."""
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


def client_of(clock: Clock, handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> Client:
    """A client whose requests the handler answers, and whose clock passes only while it sleeps."""
    options = {"sleep": clock.sleep, "clock": clock.monotonic, "now": clock.now} | options
    return Client(TOKEN, transport=httpx.MockTransport(handler), **options)


def balance(client: Client) -> dict[str, Any]:
    """Any one request."""
    return client.credit_balance(ACCOUNT)


def failure(client: Client, call: Call = balance) -> errors.ApiError:
    """The error that the call ends with."""
    with pytest.raises(errors.ApiError) as caught:
        call(client)
    return caught.value
