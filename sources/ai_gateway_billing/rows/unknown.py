"""Fields that the contract does not know: named and typed as columns can be, kept out when maybe secret."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.outcome import Rejected
from ai_gateway_billing.redaction import HIDDEN, beginning, redact

from . import values
from .fields import OURS
from .tables import ATTRIBUTION, FIELDS

_SENSITIVE_NAME = re.compile(r"pdf|url|link|href|card|last_?4|payment_method|password|fingerprint|iban", re.IGNORECASE)
_SECRET_NAME = re.compile(r"secret|token", re.IGNORECASE)
_LINK = re.compile(r"https?://", re.IGNORECASE)
_OURS = {
    name
    for table, fields in FIELDS.items()
    for name, each in fields.items()
    if each.need is OURS and table not in ("usage_coverage", *ATTRIBUTION)
}
"""Columns that the load adds; a field of the API that has such a name must not overwrite them."""
_MAX_NAME = 60
LEVELS = 50
"""How many objects and lists inside each other are kept: far more than any documented answer has."""
CUT = "(nested too deeply)"
_TEXT_LIMIT = 4_000
"""Of a longer text of a refused item the beginning is kept: what to look for takes long in what never ends."""


def is_sensitive(name: str, value: Any, levels: int = LEVELS) -> bool:
    """Whether a field may hold a link that opens for its holder, a card's digits or a secret, in what is kept of it."""
    if _tells(name, value) or _is_link(value):
        return True
    if not levels:
        return False
    if isinstance(value, dict):
        return any(is_sensitive(k, v, levels - 1) for k, v in value.items())
    return isinstance(value, list) and any(is_sensitive(name, v, levels - 1) for v in value)


def redacted(payload: Any, levels: int = LEVELS) -> Any:
    """The payload without any field that may be sensitive, at any level that is kept."""
    if not isinstance(payload, dict | list):
        return payload
    if not levels:
        return CUT
    if isinstance(payload, dict):
        return {k: redacted(v, levels - 1) for k, v in payload.items() if not _tells(k, v) and not _is_link(v)}
    return [redacted(item, levels - 1) for item in payload if not _is_link(item)]


def _tells(name: str, value: Any) -> bool:
    """Whether the name says so. A count of tokens opens nothing."""
    if value is None:
        return False
    is_count = isinstance(value, (int, Decimal))
    return bool(_SENSITIVE_NAME.search(name)) or (not is_count and bool(_SECRET_NAME.search(name)))


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and bool(_LINK.search(value))


def as_json(payload: Any, levels: int = LEVELS) -> str:
    """JSON text with numbers as they were sent; what is nested more deeply than `LEVELS` is cut off."""
    if not isinstance(payload, dict | list):
        return str(payload) if isinstance(payload, Decimal) else json.dumps(payload)
    if not levels:
        return json.dumps(CUT)
    if isinstance(payload, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))}: {as_json(v, levels - 1)}" for k, v in payload.items()) + "}"
    return "[" + ", ".join(as_json(item, levels - 1) for item in payload) + "]"


def rejected(error: RecordError, payload: Any) -> Rejected:
    """The item with what may be kept of it: what breaks the contract may hold anything anywhere."""
    return Rejected(error, as_json(_shapeless(redacted(payload))))


def shortened(kept: str, whole: str) -> str:
    """What is kept of a longer text, and what tells it apart from others of which the same is kept."""
    mark = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{kept}… ({len(whole)} characters in all, sha256 {mark})"


def _shapeless(payload: Any) -> Any:
    """The same without what looks like a token, a card's digits or a link in any name, text or number."""
    if isinstance(payload, dict):
        return {_without_shapes(str(name)): _shapeless(value) for name, value in payload.items()}
    if isinstance(payload, list):
        return [_shapeless(item) for item in payload]
    if isinstance(payload, str):
        return _without_shapes(payload)
    is_safe = payload is None or isinstance(payload, bool) or _without_shapes(str(payload)) == str(payload)
    return payload if is_safe else HIDDEN


def _without_shapes(text: str) -> str:
    begun = beginning(text, _TEXT_LIMIT)
    kept = redact(begun, limit=len(begun) + len(HIDDEN))
    return kept if begun == text else shortened(kept, text)


def typed(items: Iterable[Mapping[str, Any]], known: Collection[str], include_sensitive: bool) -> dict[str, list[Any]]:
    """Unknown fields of all items as columns of one type each: DECIMAL, boolean or text (JSON for anything else).

    A column's list has a place for every item. Fields that are null everywhere, or sensitive, are left out. A column
    has its field's name in snake case, with `api_` before it when that name is taken.
    """
    items = list(items)
    taken = _OURS | {snake_case(name) for name in known}
    columns: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for item in items for name in item if name not in known):
        column = [item.get(name) for item in items]
        is_kept = include_sensitive or not any(is_sensitive(name, value) for value in column)
        if is_kept and any(value is not None for value in column):
            columns[_free(snake_case(name), taken | columns.keys())] = _one_type(column)
    return columns


def snake_case(name: str) -> str:
    """A column's name: lower case letters, digits and single underscores, which dlt and databases leave as it is."""
    words = re.sub(r"([^_])([A-Z][a-z]+)", r"\1_\2", name)
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words)
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    if 0 < len(plain) <= _MAX_NAME:
        return f"api_{plain}" if plain[0].isdigit() else plain
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[:_MAX_NAME].strip('_') or 'api'}_{mark}"


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name = f"api_{name}"
    return name


def column_type(column: Iterable[Any]) -> str:
    """The type, by dlt's name, of a column that `typed` made."""
    first = next(value for value in column if value is not None)
    return {Decimal: "decimal", bool: "bool"}.get(type(first), "text")


def _one_type(column: list[Any]) -> list[Any]:
    for convert in (values.decimal, values.flag, values.text):
        try:
            return [None if value is None else convert(value) for value in column]
        except ValueError:
            continue
    return [None if value is None else as_json(value) for value in column]
