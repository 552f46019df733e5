"""Single JSON values in, exact Python values out. A value of another type raises `ValueError`, never becomes NULL."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCALE = 18
"""Decimal places kept. Digits beyond the eighteenth are rounded half to even; nothing else ever is."""

_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
_STEP = Decimal(1).scaleb(-SCALE)
LIMIT = Decimal(10) ** (38 - SCALE)
"""What DECIMAL(38,18) holds is smaller than this."""
USAGE_LIMIT = Decimal(10) ** 10
"""The usage of a bucket is smaller than this: ten years of hours are added up, in dollars if that is the unit."""
AMOUNT_LIMIT = Decimal(10) ** 12
"""Amounts are smaller than this: the views add them up, in hundredths, with 16 digits before the point."""
QUANTITY_LIMIT = Decimal(10) ** 16
"""Quantities are smaller than this: the views add up those of a preview's lines, with 20 digits before the point."""
SECONDS_BELOW = 100_000_000_000
"""A Unix time this large counts milliseconds; below, seconds."""
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=731)


def kind(value: Any) -> str:
    """What JSON calls the value's type."""
    names = {
        bool: "boolean",
        int: "number",
        Decimal: "number",
        str: "text",
        type(None): "null",
        list: "array",
    }
    return names.get(type(value), "object")


def decimal(value: Any, limit: Decimal = LIMIT) -> Decimal:
    """A JSON number as DECIMAL(38,18), in one spelling without exponent: 5, 5.0 and 5e0 are the same.

    Its size must be below `limit`, a power of ten.
    """
    if type(value) is not int and type(value) is not Decimal:
        raise ValueError(f"contains {kind(value)} instead of a number")
    number = Decimal(value)
    if -limit < number < limit and int(number.as_tuple().exponent) < -SCALE:
        number = number.quantize(_STEP, context=_EXACT)
    if not -limit < number < limit:
        raise ValueError(f"has more than {limit.adjusted()} digits before the point")
    return _plain(number)


def _plain(number: Decimal) -> Decimal:
    """Neither trailing zeros, nor an exponent above zero, which databases read as a float, nor a negative zero."""
    number = number.normalize(_EXACT) if number else Decimal(0)
    return number.quantize(Decimal(1), context=_EXACT) if int(number.as_tuple().exponent) > 0 else number


def total(numbers: Sequence[Any]) -> Any:
    """The exact sum of at least one whole number, or of DECIMAL(38,18)s."""
    first, *others = numbers
    for number in others:
        first = first + number if type(first) is int else _EXACT.add(first, number)
    return first


def exact(numbers: Sequence[Any], limit: Decimal = LIMIT) -> list[Decimal]:
    """JSON numbers with 18 places each. Raises `ValueError` when DECIMAL(38,18) cannot hold one as it is."""
    if not {*map(type, numbers)} <= {int, Decimal}:
        raise ValueError("contains something other than numbers")
    if not all(-limit < number < limit for number in numbers):  # abs() would round to the context's 28 digits
        raise ValueError(f"has more than {limit.adjusted()} digits before the point")
    found = [Decimal(number).quantize(_STEP, context=_EXACT) for number in numbers]
    if found != numbers:
        raise ValueError("has more than 18 places")
    return found


def whole(value: Any) -> int:
    """A JSON number without a fraction."""
    number = decimal(value)
    if number != number.to_integral_value():
        raise ValueError("is not a whole number")
    if abs(number) >= 2**63:
        raise ValueError("is too large")
    return int(number)


def count(value: Any) -> int:
    """A whole number of 0 or more; analytics send it as a JSON number or as text."""
    number = whole(int(value) if _is_digits(value) else value)
    if number < 0:
        raise ValueError("is below zero")
    return number


def estimate(value: Any) -> Decimal:
    """An estimated amount as DECIMAL(38,18), from a JSON number or from the same digits as text."""
    if type(value) is str and re.fullmatch(r"-?\d{1,30}(\.\d{1,40})?([eE][+-]?\d{1,2})?", value, re.ASCII):
        return decimal(Decimal(value), AMOUNT_LIMIT)
    return decimal(value, AMOUNT_LIMIT)


def claim(value: Any) -> bool:
    """True or false, also as 1 or 0, or as text that says so."""
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    return flag(value) if found is None else found


def hour(value: Any) -> datetime:
    """The start of a UTC hour, as RFC 3339 text."""
    try:
        moment = datetime.fromisoformat(text(value))
    except ValueError:
        raise ValueError("is no time") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if moment.minute or moment.second or moment.microsecond:
        raise ValueError("is not the start of an hour")
    return moment


def _is_digits(value: Any) -> bool:
    return type(value) is str and value.isascii() and value.isdigit() and len(value) < 20


def text(value: Any) -> str:
    """A JSON string, without NUL, which not every database can store."""
    if type(value) is not str:
        raise ValueError(f"contains {kind(value)} instead of text")
    return value.replace("\0", "")


def code(value: Any) -> str:
    """A JSON string that says something."""
    if not text(value).strip():
        raise ValueError("is empty")
    return text(value)


def number_as_text(value: Any) -> str:
    """A JSON string; a number, whose unit is unknown either way, in the digits it was sent in."""
    return str(value) if kind(value) == "number" else text(value)


def flag(value: Any) -> bool:
    """A JSON boolean."""
    if type(value) is not bool:
        raise ValueError(f"contains {kind(value)} instead of true or false")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object."""
    if type(value) is not dict:
        raise ValueError(f"contains {kind(value)} instead of an object")
    return value


def sequence(value: Any) -> list[Any]:
    """A JSON array."""
    if type(value) is not list:
        raise ValueError(f"contains {kind(value)} instead of an array")
    return value


class UnusualError(ValueError):
    """A value that is not as documented and yet clear: `value` is what it says."""

    def __init__(self, reason: str, value: Any) -> None:
        super().__init__(reason)
        self.value = value


def instant_or_never(value: Any, now: datetime) -> datetime | None:
    """The same, for a time that may never have come: 0 says so. Raises `UnusualError` for a time that comes as text."""
    if kind(value) == "number" and value == 0:
        return None
    if type(value) is not str:
        return instant(value, now)
    found = _instant_in_text(value, now)
    if found is None:
        raise ValueError("contains text instead of a number")
    raise UnusualError("came as text instead of a number, and was read", found)


def _instant_in_text(text: str, now: datetime) -> datetime | None:
    """A Unix time in digits, or a date, in UTC unless it names another zone. None for anything else."""
    try:
        if re.fullmatch(r"\d{1,20}(\.\d{1,20})?", text, re.ASCII):
            return instant(Decimal(text), now)
        moment = datetime.fromisoformat(text)
        return _plausible(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC), now)
    except (ValueError, OverflowError):
        return None


def instant(value: Any, now: datetime) -> datetime:
    """Unix time as UTC, seconds or milliseconds told apart by size, since the API documents neither.

    Refuses what lies before 2020 or more than two years after `now`: such a value has some third unit.
    """
    # Whole numbers, which nearly all times are, need no Decimal: this runs twice for every bucket.
    number: int | Decimal = value if type(value) is int else decimal(value)
    microseconds = number * (1_000_000 if -SECONDS_BELOW < number < SECONDS_BELOW else 1_000)
    try:
        moment = EPOCH + timedelta(microseconds=int(microseconds))
    except OverflowError as error:
        raise ValueError("is no time") from error
    return _plausible(moment, now)


def _plausible(moment: datetime, now: datetime) -> datetime:
    if not _EARLIEST <= moment <= now + _AHEAD:
        raise ValueError("is before 2020 or years in the future")
    return moment
