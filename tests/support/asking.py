"""The client's analytics over a simulated account, without a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import httpx

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.simulator import Simulator, World
from support.clock import Clock
from support.constants import ACCOUNT, NOW, TOKEN


class Asked:
    """One account, its simulator at `now`, and what was sent: method, path and body of each request."""

    def __init__(self, world: World | None = None, token: str = TOKEN) -> None:
        self.world = world or World()
        if world is None:
            self.world.add_account(ACCOUNT)
            self.world.add_token(token)
        self.now: datetime = NOW
        self.simulator = Simulator(self.world, lambda: self.now)
        self.sent: list[tuple[str, str, Any]] = []
        self.clock = clock = Clock()
        transport = httpx.MockTransport(self._handle)
        self.client = Client(token, transport=transport, sleep=clock.sleep, clock=clock.monotonic)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        self.sent.append((request.method, request.url.path, json.loads(body) if body else None))
        return self.simulator.handle(request)

    def add(self, at: datetime, gateway: str = "g", **fields: Any) -> None:
        """Requests of the account at this moment."""
        self.world.accounts[ACCOUNT].requests.add(at, gateway, "openai", "gpt-5", **fields)


@contextmanager
def asking() -> Iterator[Asked]:
    """The same, closed at the end."""
    asked = Asked()
    with asked.client:
        yield asked
