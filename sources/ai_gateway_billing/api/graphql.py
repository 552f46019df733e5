"""GraphQL queries by POST to `/graphql`: of all that a load sends, the one thing that is no GET. It changes nothing.

What is sent is a `Document`, which can be nothing but a query. HTTP says 200 whatever happens: `errors` is null, or
tells what failed, and then `data` is worth nothing, even where it is half filled.
https://developers.cloudflare.com/analytics/graphql-api/
"""

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from ai_gateway_billing.errors import ApiError, BadRequestError, BillingPermissionError, RateLimitedError, redact

from . import envelope
from .envelope import Answer, Origin
from .http import Wire

PATH: Final = "graphql"
BUDGET: Final = (300, 300.0)
"""Queries and seconds that Cloudflare grants a user, beside the budget of all other requests."""
BURST: Final = (50, 1.0)
"""Of the 200 requests that Cloudflare grants an IP address in a second; the rest is for all others."""
PERMISSIONS: Final = '"Account Analytics Read" and "AI Gateway Read"'

_CHANGES: Final = re.compile(r"\b(mutation|subscription)\b", re.IGNORECASE)
_NOT_ALLOWED: Final = re.compile(r"not authori[sz]ed|unauthori[sz]ed|authz|permission|forbidden|access", re.IGNORECASE)
_LIMITED: Final = re.compile(r"rate.?limit|too many (requests|queries)|throttl", re.IGNORECASE)
_UNKNOWN: Final = re.compile(r"unknown (field|arg|type)|cannot query field|cannot parse|syntax error", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one query. Raises ValueError for any other operation, so that none can be sent."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.startswith("query ") or _CHANGES.search(self.text):
            raise ValueError("only queries are sent")


class QueryWire(Wire):
    """A wire whose only other request is a query. It keeps to a pace of its own."""

    def ask(self, origin: Origin, document: Document, variables: Mapping[str, str]) -> dict[str, Any]:
        """The query's `data`. As it changes nothing it is tried again as a GET is. Raises `ApiError`."""
        body = json.dumps({"query": document.text, "variables": dict(variables)}).encode()

        def send(timeout: httpx.Timeout) -> AbstractContextManager[httpx.Response]:
            return self._http.answer(self._http.request("POST", f"{self._base_url}/{PATH}", timeout, body))

        data: dict[str, Any] = self._tried(origin, send, _judge).result
        return data


def _judge(status: int, headers: Mapping[str, str], body: bytes, origin: Origin) -> Answer:
    """The query's `data` as the answer's result, or the error that tells what is wrong."""
    if status >= 300:
        return envelope.judge(status, headers, body, origin)
    document = envelope.document(status, headers, body, origin)
    errors = document.get("errors")
    if errors:
        raise _refusal(origin, errors)
    if "data" not in document:
        raise envelope.foreign(origin, status, "JSON that is no answer to a query")
    if not isinstance(document["data"], dict):
        raise envelope.unusable(origin, status, "it has no data")
    return Answer(document["data"], {})


def _refusal(origin: Origin, errors: object) -> ApiError:
    listed = errors if isinstance(errors, list) else [errors]
    words = "; ".join(str(each.get("message") if isinstance(each, dict) else each) for each in listed)
    reason = redact(words, secret=origin.secret).rstrip(". ")
    if _LIMITED.search(reason):
        return _error(RateLimitedError, origin, reason, "Nothing is lost: run again later.", retryable=True)
    if _NOT_ALLOWED.search(reason):
        advice = f"The token needs the permissions {PERMISSIONS} on this account."
        return _error(BillingPermissionError, origin, reason, advice)
    if _UNKNOWN.search(reason):
        return _error(BadRequestError, origin, reason, "The API may have changed: report this.")
    return envelope.unusable(origin, 200, f"it reports a failure: {reason}", reason=reason)


def _error(kind: type[ApiError], origin: Origin, reason: str, advice: str, *, retryable: bool = False) -> ApiError:
    message = f"Cloudflare refused {origin.words()} (HTTP 200): {reason}. {advice}"
    return origin.error(kind, message, status=200, reason=reason, retryable=retryable)
