"""What a client is told, checked before anything is sent.

Nothing is mended in silence, and nothing is echoed: a token pasted into the wrong place must not turn up in a
message. Arguments are typed `object` because they come from settings files, where anything may stand.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ai_gateway_billing.errors import SettingsError

_HOW_TO_GET_ONE: Final = 'Create one with the permission "AI Gateway Read" and set CLOUDFLARE_API_TOKEN to it.'
_TOKEN_LETTERS: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
_BEARER: Final = re.compile(r"\s*[\"']?\s*bearer\b", re.IGNORECASE)
_QUOTES: Final = frozenset("\"'`“”‘’")
_ACCOUNT_ID: Final = re.compile(r"[0-9a-fA-F]{32}")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_EXAMPLE: Final = "Write it like https://api.cloudflare.com/client/v4."


def checked_token(token: object) -> str:
    """The token as it is, if it can be one."""
    if not isinstance(token, str) or not token.strip():
        raise SettingsError(f"The API token is missing or empty. {_HOW_TO_GET_ONE}")
    problem = _token_problem(token)
    if problem:
        raise SettingsError(f"The API token {problem}")
    return token


def is_account_id(account_id: object) -> bool:
    """Whether it is 32 hexadecimal digits, in either case."""
    return isinstance(account_id, str) and _ACCOUNT_ID.fullmatch(account_id) is not None


def checked_account_id(account_id: object) -> str:
    """The account id in lower case."""
    if isinstance(account_id, str) and is_account_id(account_id):
        return account_id.lower()
    size = f"has a length of {len(account_id)}" if isinstance(account_id, str) else "is not text"
    if size == "has a length of 32":
        size = "contains other characters"
    raise SettingsError(
        f"An account id is 32 characters, 0-9 and a-f; this one {size}. "
        "Copy it from the dashboard's address or from `aig-billing accounts`, without blanks or quotes."
    )


def checked_base_url(base_url: object) -> SplitResult:
    """The base URL in parts: https, or http to this machine itself; no user, query or fragment."""
    if not isinstance(base_url, str) or not base_url:
        raise SettingsError(f"The base URL is missing or empty. {_EXAMPLE}")
    problem = _url_problem(base_url)
    if problem:
        raise SettingsError(f"The base URL {problem}")
    return urlsplit(base_url.rstrip("/"))


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself, without asking any name server."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token_problem(token: str) -> str:
    if _BEARER.match(token):
        return 'starts with "Bearer": give the token alone, that word is added when it is sent.'
    if token != token.strip():
        return "has a blank or a line end before or after it: remove it (also at the end of a file)."
    if _QUOTES & set(token):
        return "contains quotes: remove them."
    if any(letter.isspace() for letter in token):
        return "contains a blank or a line end: copy it again, as one word."
    if not _TOKEN_LETTERS.fullmatch(token):
        return "contains characters that no token has: copy it again from the dashboard."
    return ""


def _url_problem(text: str) -> str:
    if any(letter.isspace() or not letter.isprintable() or letter == "\\" for letter in text):
        return f"contains blanks, line ends or backslashes. {_EXAMPLE}"
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        return f"cannot be read. {_EXAMPLE}"
    if url.scheme not in {"https", "http"} or "://" not in text:
        return f"does not start with https://. {_EXAMPLE}"
    return _authority_problem(url, host) or _rest_problem(url, text)


def _authority_problem(url: SplitResult, host: str) -> str:
    if "@" in url.netloc:
        return "contains a user or password: remove everything before the @ sign; the token has its own setting."
    if not _HOST.fullmatch(host):
        return f"names no host. {_EXAMPLE}"
    if url.scheme == "http" and not is_loopback(host):
        return "is plain http, which sends the token unencrypted: use https (http only to 127.0.0.1, localhost)."
    return ""


def _rest_problem(url: SplitResult, text: str) -> str:
    if "?" in text or "#" in text:
        return "contains a query or fragment: remove everything from the ? or # on."
    if not url.path.isascii():
        return f"contains letters that no address has. {_EXAMPLE}"
    return ""
