"""How a cassette is made fit to be kept: who asked, whose account it is and what opens doors are taken out.

Works on text, not on parsed JSON, so that a number keeps the digits that came over the wire, and so that torn or
foreign bodies are cleaned as well. The same for a recording of the simulator and of a live account.
"""

import hashlib
import re
from typing import Any

API = "https://api.cloudflare.com/client/v4"
ACCOUNT_ID = "0" * 31 + "1"
"""Every account of a cassette, whoever it was. A second one is told apart by its place in the recording."""

KEPT_HEADERS = frozenset(("content-type", "retry-after", "ratelimit", "ratelimit-policy", "allow"))

_BASE = re.compile(r"^https?://[^/]+/client/v4")
_HEX_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s\"'\\<>]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_OPAQUE = re.compile(r"\b(in|mtrusg|upcoming_in|cbtxn|pi|pm|cus|ii|il)_(?![0-9a-f]{16}\b)[A-Za-z0-9_]{4,}")
_SECRET_FIELDS = re.compile(r'("(?:last4|client_secret|created_by|name|email|brand)"\s*:\s*)"(?:[^"\\]|\\.)*"')
_SECRET_OBJECTS = re.compile(r'("(?:otel|stripe)"\s*:\s*)(?:\[[^\[\]]*\]|\{[^{}]*\})')
"""Of a gateway: where its traces and usage events go, with what opens these places."""


def scrub_request(request: Any) -> Any:
    """The request as if it had gone to the API for the one account of all cassettes."""
    request.uri = _HEX_ID.sub(ACCOUNT_ID, _BASE.sub(API, request.uri))
    request.headers = {"accept": "application/json"}
    if request.body:
        request.body = scrub_text(request.body.decode()).encode()
    return request


def scrub_response(response: dict[str, Any]) -> dict[str, Any]:
    """The answer with the few headers that matter and nothing personal in its body."""
    headers = {name.lower(): values for name, values in response["headers"].items()}
    body = response["body"]["string"]
    scrubbed = scrub_text(body.decode() if isinstance(body, bytes) else body)
    return {
        **response,
        "headers": {name: values for name, values in headers.items() if name in KEPT_HEADERS},
        "body": {**response["body"], "string": scrubbed.encode()},
    }


def scrub_text(text: str) -> str:
    """Ids become other ids, the same one each time; names, card digits, links and secrets become words.

    What has been scrubbed stays as it is: a cassette is scrubbed again when it is read, and so is what a test asks
    with an id out of it.
    """
    text = _SECRET_OBJECTS.sub(r'\1"scrubbed"', text)
    text = _SECRET_FIELDS.sub(r'\1"scrubbed"', text)
    text = _LINK.sub("scrubbed:link", text)
    text = _MAIL.sub("scrubbed:mail", text)
    text = _HEX_ID.sub(ACCOUNT_ID, text)
    return _OPAQUE.sub(_pseudonym, text)


def _pseudonym(match: re.Match[str]) -> str:
    return f"{match[1]}_{hashlib.sha256(match[0].encode()).hexdigest()[:16]}"
