"""Amounts as people write and read them: dollars with cents beside them, never through a float."""

import re
from decimal import Decimal

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.terminal import values

_DOLLARS = re.compile(r"(\d{1,9})(?:\.(\d{1,2}))?", re.ASCII)


def cents(option: str, text: str) -> int:
    """The cents of `50`, `50.5` or `50.00`. Raises `SettingsError` for any other spelling, naming the option."""
    match = _DOLLARS.fullmatch(text)
    if match is None:
        raise SettingsError(
            f"{option} {text}: write dollars as digits with at most two decimals, like 50.00, without a sign or commas."
        )
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def both(amount: object) -> str:
    """Cents in both units, with all their digits: `$6.4019 (640.19 cents)`. What is no number is `unknown`."""
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        return "unknown"
    number = Decimal(amount)
    sign, digits = ("-" if number < 0 else ""), format(abs(number).scaleb(-2), "f")
    whole, _, fraction = digits.partition(".")
    return f"{sign}${whole}.{fraction.rstrip('0').ljust(2, '0')} ({values.plain(number)} cents)"
