"""Fields that the contract does not know: typed so that they can become columns, kept out when maybe secret."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from . import values

_SENSITIVE_NAME = re.compile(
    r"pdf|url|link|href|card|last_?4|payment_method|secret|token|password|fingerprint|iban", re.IGNORECASE
)
_LINK = re.compile(r"https?://", re.IGNORECASE)


def is_sensitive(name: str, value: Any) -> bool:
    """Whether a field may hold a link that opens for its holder, a card's digits or a secret."""
    if isinstance(value, dict):
        return bool(_SENSITIVE_NAME.search(name)) or any(is_sensitive(k, v) for k, v in value.items())
    if isinstance(value, list):
        return bool(_SENSITIVE_NAME.search(name)) or any(is_sensitive(name, v) for v in value)
    return bool(_SENSITIVE_NAME.search(name)) or (isinstance(value, str) and bool(_LINK.search(value)))


def redacted(payload: Any) -> Any:
    """The payload without any field that may be sensitive, at any depth."""
    if isinstance(payload, dict):
        return {k: redacted(v) for k, v in payload.items() if not is_sensitive(k, None) and not _is_link(v)}
    if isinstance(payload, list):
        return [redacted(item) for item in payload if not _is_link(item)]
    return payload


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and bool(_LINK.search(value))


def as_json(payload: Any) -> str:
    """JSON text with numbers as they were sent."""
    if isinstance(payload, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))}: {as_json(v)}" for k, v in payload.items()) + "}"
    if isinstance(payload, list):
        return "[" + ", ".join(as_json(item) for item in payload) + "]"
    return str(payload) if isinstance(payload, Decimal) else json.dumps(payload)


def typed(items: Iterable[Mapping[str, Any]], known: Iterable[str], include_sensitive: bool) -> dict[str, list[Any]]:
    """Unknown fields of all items as columns of one type each: DECIMAL, boolean or text (JSON for anything else).

    A column's list has a place for every item. Fields that are null everywhere, or sensitive, are left out.
    """
    items = list(items)
    names = dict.fromkeys(name for item in items for name in item if name not in known)
    columns = {name: [item.get(name) for item in items] for name in names}
    return {
        name: _one_type(column)
        for name, column in columns.items()
        if any(value is not None for value in column)
        and (include_sensitive or not any(is_sensitive(name, value) for value in column))
    }


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
