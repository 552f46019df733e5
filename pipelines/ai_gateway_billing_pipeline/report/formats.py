"""How amounts, days and counts are written: for readers, and for the axes of charts."""

import json
import math
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from ai_gateway_billing_pipeline.database import rules

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}


def digits(currency: str | None) -> int:
    """How many digits after the point amounts of a currency have."""
    if currency in rules.WITHOUT_DECIMALS:
        return 0
    return 3 if currency in rules.WITH_THREE_DECIMALS else 2


def money(amount: Decimal | float, currency: str | None) -> str:
    """An amount as people write it: `$1,234.50`, `CHF 12.00`, `¥120`; `<$0.01` where it rounds to nothing."""
    exact, places = Decimal(amount), digits(currency)
    rounded = round(exact, places)
    is_tiny = bool(exact) and not rounded
    shown = abs(rounded) or (Decimal(1).scaleb(-places) if is_tiny else rounded)
    sign = "−" if exact < 0 else ""
    return f"{'<' if is_tiny else ''}{sign}{_sign(currency)}{abs(shown):,.{places}f}"


def axis_label(currency: str | None, largest: float) -> str:
    """The same as an expression for an axis: no more digits than its ticks need, no fewer than tell them apart."""
    places = 0 if largest >= 10 else max(digits(currency), _needed(largest))
    number = f"format(abs(datum.value), ',.{places}f')"
    return f"(datum.value < 0 ? '−' : '') + {json.dumps(_sign(currency))} + {number}"


def percent(part: Decimal, whole: Decimal) -> str:
    """A share of a whole that is above zero; 0% and 100% only where they are true."""
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1%"
    if 99 < share < 100:
        return "over 99%"
    return f"{share:,.0f}%"


def day_name(day: date | datetime) -> str:
    """Like `22 Nov 2026`."""
    return f"{day.day} {day:%b %Y}"


def hour_name(hour: datetime) -> str:
    """Like `Tue 10 Nov 2026, 14:00 UTC`."""
    return f"{hour:%a} {day_name(hour)}, {hour:%H:%M} UTC"


def month_name(month: date) -> str:
    """Like `November 2026`."""
    return f"{month:%B %Y}"


def count(number: int, word: str) -> str:
    """Like `1 day`, `2 days`."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def listed(parts: Sequence[str]) -> str:
    """Like `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _sign(currency: str | None) -> str:
    return _SIGNS.get(currency or "", f"{currency}\N{NO-BREAK SPACE}" if currency else "")


def _needed(largest: float) -> int:
    """Digits after the point that five ticks up to `largest` need."""
    return max(0, -math.floor(math.log10(largest / 5))) if largest else 0
