"""Connections: what each request carries, and that nothing of an answer is carried into the next."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from ai_gateway_billing.api.connections import Connections, body_of
from ai_gateway_billing.api.environment import Route
from support.constants import TOKEN

URL = "https://api.example/client/v4/accounts"
TIMEOUT = httpx.Timeout(1.0, read=2.0, write=3.0, pool=4.0)


class Server(httpx.BaseTransport):
    """Answers with a cookie and a way elsewhere; remembers what it was asked and which answers were let go."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.let_go = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        headers = {"Set-Cookie": "session=1", "Location": "https://elsewhere.example/"}
        return httpx.Response(302, headers=headers, stream=Body(self))


class Body(httpx.SyncByteStream):
    def __init__(self, server: Server) -> None:
        self.server = server

    def __iter__(self) -> Iterator[bytes]:
        yield b"{"
        yield b"}"

    def close(self) -> None:
        self.server.let_go += 1


def over(server: Server) -> Connections:
    return Connections(TOKEN, Route(verify=False), server, httpx.Limits())


def test_a_request_carries_the_token_its_limits_of_time_and_its_body() -> None:
    server = Server()
    connections = over(server)

    for body in (None, b"{}"):
        with connections.answer(connections.request("POST", URL, TIMEOUT, body)):
            pass

    bare, full = server.asked
    assert bare.headers["authorization"] == full.headers["authorization"] == f"Bearer {TOKEN}"
    assert (bare.headers["accept"], bare.headers["accept-encoding"]) == ("application/json", "gzip")
    assert bare.extensions["timeout"] == {"connect": 1.0, "read": 2.0, "write": 3.0, "pool": 4.0}
    assert ("content-type" in bare.headers, full.headers["content-type"]) == (False, "application/json")
    assert (bare.content, full.content) == (b"", b"{}")


def test_neither_a_redirect_nor_a_cookie_is_followed() -> None:
    server = Server()
    connections = over(server)

    for _ in range(2):
        with connections.answer(connections.request("GET", URL, TIMEOUT)) as answer:
            assert answer.status_code == 302

    assert [str(request.url) for request in server.asked] == [URL, URL]
    assert not any("cookie" in request.headers for request in server.asked)


def test_an_answer_is_let_go_however_its_reader_ends() -> None:
    server = Server()
    connections = over(server)

    with connections.answer(connections.request("GET", URL, TIMEOUT)) as answer:
        assert body_of(answer, is_late=lambda: False) == b"{}"
    with (
        pytest.raises(httpx.ReadTimeout),
        connections.answer(connections.request("GET", URL, TIMEOUT)) as late,
    ):
        body_of(late, is_late=lambda: True)

    assert server.let_go == 2
