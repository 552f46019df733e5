"""Connections over which one request after another goes out and its answer comes in, whatever that says.

They stand on httpx's transport and not on its client: cookies, redirects and logins, which that looks after and nobody
wants here, take as long as sending a request does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

import httpx

from .bodies import whole
from .environment import Route


class Connections:
    """They send the token, and follow no redirect with it. Threads may share them. `transport` is for tests."""

    def __init__(self, token: str, way: Route, transport: httpx.BaseTransport | None, limits: httpx.Limits) -> None:
        self._transport = transport or httpx.HTTPTransport(
            verify=way.verify,
            proxy=way.proxy,
            limits=limits,
            trust_env=False,  # the environment was read for the route
        )
        self._is_closed = False
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"cloudflare-ai-gateway-billing/{_version()}",
            "Authorization": f"Bearer {token}",
        }

    def close(self) -> None:
        """Close all of them."""
        self._is_closed = True
        self._transport.close()

    def request(self, method: str, url: str, timeout: httpx.Timeout, body: bytes | None = None) -> httpx.Request:
        """A request with the token, and with JSON as its body where there is one. Raises `httpx.InvalidURL`."""
        headers = self._headers if body is None else self._headers | {"Content-Type": "application/json"}
        return httpx.Request(method, url, headers=headers, content=body, extensions={"timeout": timeout.as_dict()})

    @contextmanager
    def answer(self, request: httpx.Request) -> Iterator[httpx.Response]:
        """What comes of sending it; the body is still to be read. Raises `httpx.HTTPError`."""
        if self._is_closed:
            raise RuntimeError("closed connections send nothing")  # httpx would open new ones
        response = self._transport.handle_request(request)
        try:
            yield response
        finally:
            response.close()


def body_of(response: httpx.Response, is_late: Callable[[], bool]) -> bytes:
    """The body, whole within the limits of size and time: a read timeout alone lets an answer drip for ever.

    Raises `TooLargeError`, `httpx.HTTPError`, and `ValueError` for what cannot be unpacked.
    """
    if response.is_stream_consumed:  # a transport without a network hands answers over whole
        return whole([response.content])

    def arriving() -> Iterator[bytes]:
        for chunk in response.iter_raw():
            yield chunk
            if is_late():
                raise httpx.ReadTimeout("the answer did not end")

    return whole(arriving(), response.headers.get("content-encoding", ""))


def _version() -> str:
    try:
        return version("cloudflare-ai-gateway-billing")
    except PackageNotFoundError:
        return "0+unknown"
