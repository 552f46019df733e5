"""JSON text from values, every number to its last digit.

`json.dumps` has no way to write a Decimal as a number, and a float would lose digits on the way: so a float
is refused here, and whoever wants an odd spelling (`1e3`, `NaN`) says it with `Raw`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from decimal import Context, Decimal
from typing import Any

JsonObject = dict[str, Any]

_WIDE = Context(prec=400)


class Raw(str):
    """JSON text that is written as it stands, for numbers in spellings that values cannot carry."""

    __slots__ = ()


def encode(value: object) -> str:
    """The JSON text of `value`. Raises TypeError for a float: money must not pass through one."""
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise TypeError(f"{type(value).__name__} has no exact JSON form")
    return writer(value)


def _object(value: dict[str, object]) -> str:
    return "{" + ",".join([f"{_text(key)}:{encode(item)}" for key, item in value.items()]) + "}"


def _array(value: list[object]) -> str:
    return "[" + ",".join([encode(item) for item in value]) + "]"


_text = json.JSONEncoder(ensure_ascii=False).encode
_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _text,
    int: str,
    Decimal: lambda value: format(value, "f"),
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    dict: _object,
    list: _array,
    tuple: _array,
    Raw: str,
}


def total(values: Iterable[Decimal]) -> Decimal:
    """The exact sum, whatever the precision of the thread's decimal context."""
    result = Decimal(0)
    for value in values:
        result = _WIDE.add(result, value)
    return result


def from_nano(nano_cents: int) -> Decimal:
    """Billionths of a cent as a Decimal in cents, without trailing zeros."""
    value = Decimal(nano_cents).scaleb(-9, _WIDE)
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize(_WIDE)
