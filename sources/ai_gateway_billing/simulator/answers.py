"""Answers in the API's envelope, before they become an httpx response or bytes on a socket."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from .exact import encode

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Call:
    """A request as the simulator sees it. Once routed, `path` begins after the base URL."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    endpoint: str | None = None
    account_id: str | None = None
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What comes back. `breakage` says how the connection dies instead; `delay_s` how long it takes."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    breakage: str | None = None
    delay_s: float = 0.0

    def with_headers(self, **headers: str) -> Answer:
        """The same answer with more headers; an underscore in a name stands for a hyphen."""
        return replace(self, headers=self.headers | {key.replace("_", "-"): text for key, text in headers.items()})


def success(result: Any, info: Any = None) -> Answer:
    """HTTP 200 and the envelope of success around `result`."""
    return success_text(encode(result), info)


def success_text(result: str, info: Any = None) -> Answer:
    """The same round a result that is JSON text already."""
    tail = "" if info is None else f',"result_info":{encode(info)}'
    text = f'{{"result":{result},"success":true,"errors":[],"messages":[]{tail}}}'
    return Answer(200, text.encode())


def failure(status: int, code: int, message: str, chain: Any = None) -> Answer:
    """The envelope of failure with one error, and the platform's `error_chain` below it when given."""
    error: dict[str, Any] = {"code": code, "message": message}
    if chain:
        error["error_chain"] = [{"code": inner, "message": text} for inner, text in chain]
    return Answer(status, encode({"success": False, "errors": [error], "messages": [], "result": None}).encode())
