"""JSON text from values, every number to its last digit.

`json.dumps` has no way to write a Decimal as a number, and a float would lose digits on the way: so a float
is refused here, and whoever wants an odd spelling (`1e3`, `NaN`) says it with `Raw`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Any

JsonObject = dict[str, Any]

_WIDE = Context(prec=400)


class Raw(str):
    """JSON text that is written as it stands, for numbers in spellings that values cannot carry."""


def encode(value: object) -> str:
    """The JSON text of `value`. Raises TypeError for a float: money must not pass through one."""
    if isinstance(value, Raw):
        return str(value)
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode(str(key))}:{encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(encode, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no exact JSON form")


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
