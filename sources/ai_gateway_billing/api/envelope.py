"""An HTTP answer in; its `result` out, or an error that knows whether asking again may help.

Pure: no socket, no clock. Cloudflare wraps answers as `{"success", "result", "errors", "messages"}`, with an
optional `result_info`. Published examples carry filled `errors` beside `success: true`, so `success` and the
status decide, never `errors`. A refusal is Cloudflare's word only as `success: false` with a code in `errors`: what
comes without (HTML, plain text, nothing, other JSON) was given by something in between and says nothing about token,
account or data. Two statuses need no envelope: 429 is a limit and 5xx a failure, whoever says so.
https://developers.cloudflare.com/fundamentals/api/
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar, cast

from ai_gateway_billing.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BillingPermissionError,
    ForeignAnswerError,
    InvalidAnswerError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    redact,
)

from .bodies import parse
from .endpoints import PERMISSION

_MALFORMED_HEADER: Final = frozenset({6003, 6111, 6103})
_THROTTLED: Final = 971
_TITLE: Final = re.compile(rb"<title[^>]*>([^<]*)", re.IGNORECASE)

E = TypeVar("E", bound=ApiError)


class Answer(NamedTuple):
    """What a good envelope holds: `result`, and `result_info` (empty when not sent)."""

    result: Any
    result_info: dict[str, Any]


class Origin(NamedTuple):
    """Where an answer came from, for the words of an error: an endpoint's path and whose account."""

    path: str
    account_id: str | None = None
    secret: str = ""

    def __repr__(self) -> str:
        return f"Origin({self.path!r})"

    def words(self) -> str:
        """The endpoint as people name it, and the account."""
        endpoint = self.path.removeprefix("ai-gateway/").removeprefix("billing/")
        return f"{endpoint} of account {self.account_id}" if self.account_id else endpoint

    def error(self, kind: type[E], message: str, **more: Any) -> E:
        """The error of that kind about an answer from there. `more`: what else `ApiError` takes."""
        return kind(message, path=self.path, account_id=self.account_id, **more)


def judge(
    status: int, headers: Mapping[str, str], body: bytes, origin: Origin, *, null_is_a_state: bool = False
) -> Answer:
    """Return the answer's content, or raise the `ApiError` that tells what is wrong with it.

    Numbers with a point or an exponent become `Decimal`, whole ones `int`. `null_is_a_state` lets
    `result: null` pass; elsewhere it is a failure that asking again may mend. `headers` has lower-case names.
    """
    if status >= 400:
        raise _refusal(status, body, origin)
    if status >= 300:
        raise foreign(origin, status, "a redirect to somewhere else")
    found = document(status, headers, body, origin)
    success = found.get("success")
    if success is False:
        code, reason = _complaint(found, origin)
        raise unusable(origin, status, f"it reports a failure: {reason}", code=code, reason=reason)
    if success is not True:
        raise foreign(origin, status, "JSON that does not say whether it succeeded")
    if "result" not in found or (found["result"] is None and not null_is_a_state):
        raise unusable(origin, status, "it has no result")
    info = found.get("result_info")
    return Answer(found["result"], info if isinstance(info, dict) else {})


def drifted(origin: Origin, what: str) -> InvalidAnswerError:
    """The error for a proper envelope with an undocumented `result`: asking again mends nothing."""
    message = f"The answer of {origin.words()} cannot be used: {what}. The API may have changed: report this."
    return origin.error(InvalidAnswerError, message, status=200)


def objects(value: object, origin: Origin, what: str = "it") -> list[dict[str, Any]]:
    """The value, if it is a list of JSON objects; else `drifted` is raised. `what`: its name in the message."""
    if not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
        raise drifted(origin, f"{what} is no list of objects")
    return value


def document(status: int, headers: Mapping[str, str], body: bytes, origin: Origin) -> dict[str, Any]:
    """The JSON object of a good status. Raises `ApiError` for anything else."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    begins_as_object = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    if not begins_as_object or (kind and not kind.endswith(("/json", "+json"))):
        raise foreign(origin, status, _described(body, origin))
    found, problem = _parsed(body)
    if problem:
        raise unusable(origin, status, f"it is {problem}")
    return cast(dict[str, Any], found)


def _parsed(body: bytes) -> tuple[Any, str]:
    """The JSON, or what is wrong with it."""
    try:
        return parse(body), ""
    except ValueError as error:
        return None, str(error)


def _described(body: bytes, origin: Origin) -> str:
    """What an answer of something in between looks like, for a message."""
    begin = body.lstrip()[:1]
    kind = {b"": "an empty answer", b"<": "a web page", b"{": "JSON without Cloudflare's envelope"}.get(begin, "text")
    title = _TITLE.search(body[:4096])
    quoted = title[1] if title else body[:400] if kind == "text" else b""
    said = redact(quoted.decode(errors="replace"), secret=origin.secret, limit=80)
    return f'{kind}, "{said}"' if said else kind


def foreign(origin: Origin, status: int, what: str) -> ForeignAnswerError:
    """The error for an answer of something in between."""
    return origin.error(
        ForeignAnswerError,
        f"Something between here and Cloudflare answered {origin.words()} (HTTP {status}, {what}). It says nothing "
        "about the token or the account. Check the base URL, the proxy and the network. Nothing is lost: run again.",
        status=status,
        reason=what,
        retryable=True,
    )


def unusable(
    origin: Origin, status: int, what: str, *, code: int | None = None, reason: str | None = None
) -> InvalidAnswerError:
    """The error for an answer that cannot be used, which asking again may mend."""
    return origin.error(
        InvalidAnswerError,
        f"The answer of {origin.words()} cannot be used ({numbers(status, code)}): {what}. "
        "Run again later; if it stays, check the base URL and what is between you and the API.",
        status=status,
        code=code,
        reason=reason or what,
        retryable=True,
    )


def _refusal(status: int, body: bytes, origin: Origin) -> ApiError:
    document, _ = _parsed(body)
    codes = set(_codes(document)) if _is_refusal(document) else set()
    if not codes and status != 429 and status < 500:
        return foreign(origin, status, _described(body, origin))
    code, reason = _complaint(document, origin)
    kind, advice = _verdict(status, codes)
    who = "Cloudflare refused" if codes else "No proper answer to"
    message = f"{who} {origin.words()} ({numbers(status, code)})"
    return origin.error(
        kind,
        f"{message}: {reason}. {advice}" if reason else f"{message}. {advice}",
        status=status,
        code=code,
        reason=reason,
        retryable=status in (408, 429) or status >= 500 or kind is RateLimitedError,
    )


def _is_refusal(document: object) -> bool:
    errors = document.get("errors") if isinstance(document, dict) and document.get("success") is False else None
    return isinstance(errors, list) and all(isinstance(error, dict) for error in errors)


def _verdict(status: int, codes: set[int]) -> tuple[type[ApiError], str]:
    """Which error, and what to do about it."""
    if status == 429 or (status < 500 and _THROTTLED in codes):
        return RateLimitedError, "It limits the requests of this token. Nothing is lost: run again later."
    if status == 401 or (status == 400 and codes & _MALFORMED_HEADER):
        return AuthenticationError, "Check the API token: mistyped, cut, expired, disabled or deleted?"
    if status == 403:
        return (
            BillingPermissionError,
            f'The token may lack the permission "{PERMISSION}" on this account, or be no good: verify it.',
        )
    if status == 404:
        return NotFoundError, "Check the account id and the base URL."
    if status >= 500:
        return ServerError, "The API or the way to it is out of order: run again later."
    return BadRequestError, "The request itself is refused, so asking again does not help."


def _complaint(document: object, origin: Origin) -> tuple[int | None, str | None]:
    """The first code and the API's words, made safe."""
    errors = list(_errors(document))
    words = "; ".join(str(error["message"]) for error in errors if isinstance(error.get("message"), str))
    return next(_codes(document), None), redact(words, secret=origin.secret).rstrip(". ") or None


def _errors(document: object) -> Iterator[dict[str, Any]]:
    errors = document.get("errors") if isinstance(document, dict) else None
    return (error for error in errors if isinstance(error, dict)) if isinstance(errors, list) else iter(())


def _codes(document: object) -> Iterator[int]:
    """Every code in `errors` and in their `error_chain`, in order."""
    for error in _errors(document):
        chain = error.get("error_chain")
        for link in (error, *(chain if isinstance(chain, list) else ())):
            code = str(link.get("code")) if isinstance(link, dict) else ""
            if re.fullmatch(r"\d{1,9}", code, flags=re.ASCII):  # a number in the contract, text here and there
                yield int(code)


def numbers(status: int | None, code: int | None) -> str:
    """HTTP status and the API's own code, for a message."""
    return f"HTTP {status}" if code is None else f"HTTP {status}, code {code}"
