"""How a value reads, as text for people and as JSON for machines. Numbers keep every digit."""

import json
import math
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii

NULL = "NULL"
UNKNOWN = "unknown"
FORMULA = r"(?s)(\s*[=+@-]|[\t\r\n]).*"
"""Text that a spreadsheet may take for a formula, for Python and for DuckDB."""
PLAIN_NAME = r"[@+-][A-Za-z0-9_./:@-]*"
"""What may look like one, and is no more than a name or a number."""


def plain(number: Decimal) -> str:
    """All digits of an exact number, without an exponent and without zeros that say nothing."""
    digits = format(number, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def shown(number: Decimal) -> str:
    """The same with two decimals at least where its type has them, so that money reads as money."""
    digits = plain(number)
    if int(number.as_tuple().exponent) > -2:  # a DECIMAL is finite
        return digits
    whole, _, fraction = digits.partition(".")
    return f"{whole}.{fraction:0<2}"


def cut(words: str, length: int) -> str:
    """The text in one line, with … in place of what is too much of it."""
    line = " ".join(words.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def money(amount: Decimal | None) -> str:
    """An amount for a table: two decimals and commas, `<0.01` where it would read as nothing; unknown is no 0."""
    if amount is None:
        return UNKNOWN
    words = f"{amount:,.2f}"
    if amount and not words.strip("-0."):
        return "<0.01" if amount > 0 else ">-0.01"
    return words


def text(value: object) -> str:
    """A value as a person reads it. Times are UTC and end in Z."""
    match value:
        case None:
            result = NULL
        case bool():
            result = str(value).lower()
        case Decimal():
            result = shown(value)
        case datetime():
            result = iso(value, " ")
        case list() | tuple() | dict():
            result = to_json(value)
        case bytes():
            result = value.hex()
        case _:
            result = str(value)
    return printable(result)


def no_formula(cell: str) -> str:
    """The text of a CSV cell, with an apostrophe in front where a spreadsheet would run it as a formula.

    A plain name as `@cf/meta/llama-3.1-8b` or a number as `-12.5` stays as it is: it can call nothing.
    """
    is_formula = re.fullmatch(FORMULA, cell) and not re.fullmatch(PLAIN_NAME, cell)
    return f"'{cell}" if is_formula else cell


def to_json(value: object) -> str:
    """JSON in one line. A DECIMAL is a JSON number with all its digits, which no float has touched.

    Times are ISO 8601 text in UTC. NaN and the infinities, which JSON lacks, are null.
    """
    if isinstance(value, str):
        return _quoted(value)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "null"
    if isinstance(value, (bool, int, float, Decimal)):
        return plain(value) if isinstance(value, Decimal) else json.dumps(value)
    if isinstance(value, (dict, Mapping)):  # the abstract one alone is slow to ask
        return "{" + ", ".join(f"{_quoted(str(name))}: {to_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return _quoted(
        iso(value) if isinstance(value, datetime) else value.hex() if isinstance(value, bytes) else str(value)
    )


def print_object(value: Mapping[str, object]) -> None:
    """One JSON object in one line on standard output."""
    sys.stdout.write(to_json(value) + "\n")


def minute(value: datetime | None) -> str:
    """A time to the minute, UTC, or a dash."""
    return "–" if value is None else value.strftime("%Y-%m-%d %H:%M")


@lru_cache(maxsize=4096)
def iso(moment: datetime, separator: str = "T") -> str:
    """A time zone's time in UTC with a Z; a time without a zone as it is."""
    if moment.tzinfo is None:
        return moment.isoformat(separator)
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(separator) + "Z"


def _quoted(words: str) -> str:
    return (encode_basestring if is_unicode(sys.stdout.encoding) else encode_basestring_ascii)(words)


@lru_cache
def is_unicode(encoding: str | None) -> bool:
    """Whether everything can be written in it; JSON goes without what another encoding lacks."""
    return (encoding or "utf-8").lower().replace("-", "").startswith("utf")


def printable(words: str) -> str:
    """Without the control characters by which text from outside could take over a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in words)
