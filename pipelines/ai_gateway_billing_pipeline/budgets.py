"""Budgets as the settings have them: what may be spent per day, week or month. Amounts are in major units (dollars).

Each is a table of its own, `[sources.ai_gateway_billing.budgets.NAME]`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ai_gateway_billing.errors import SettingsError, redact

PERIODS = ("day", "week", "month")
THRESHOLDS = (Decimal(50), Decimal(80), Decimal(100))
LARGEST = Decimal(10) ** 12

_KEYS = ("amount", "currency", "period", "accounts", "model", "thresholds")
_CURRENCY = re.compile("[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class Budget:
    """One of them. `accounts` are ids or names, none for all; `thresholds` are per cent, rising."""

    name: str
    amount: Decimal
    period: str
    currency: str = "USD"
    accounts: tuple[str, ...] = ()
    model: str | None = None
    thresholds: tuple[Decimal, ...] = THRESHOLDS

    def row(self) -> tuple[str, Decimal, str, str, str | None, str | None, str]:
        """As raw table `budgets` has it: accounts one a line, NULL for all."""
        accounts = "\n".join(self.accounts) or None
        thresholds = ",".join(f"{each.normalize():f}" for each in self.thresholds)
        return (self.name, self.amount, self.currency, self.period, accounts, self.model, thresholds)


def budgets_in(table: Mapping[str, object]) -> tuple[Budget, ...]:
    """All budgets of the settings, by name. Raises `SettingsError` for the first value that cannot be."""
    found = []
    for name, given in table.items():
        try:
            found.append(_budget(name, given))
        except ValueError as error:
            raise SettingsError(
                f"Budget {redact(name)!r}: {error}. See [sources.ai_gateway_billing.budgets.{redact(name)}] in the "
                "settings of dlt, and Budgets in the README."
            ) from None
    return tuple(sorted(found, key=lambda budget: budget.name))


def _budget(name: str, given: object) -> Budget:
    _text(name, "its name")
    if not isinstance(given, Mapping):
        raise ValueError("it is not a table")  # noqa: TRY004 - of a setting, not of the program
    unknown = sorted(given.keys() - set(_KEYS))
    if unknown:
        raise ValueError(f"{redact(str(unknown[0]))!r} is no key of a budget; known are {', '.join(_KEYS)}")
    missing = [key for key in ("amount", "period") if given.get(key) is None]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    return Budget(
        name,
        _amount(given["amount"]),
        _period(given["period"]),
        _currency(given.get("currency", "USD")),
        _accounts(given.get("accounts", ())),
        None if given.get("model") is None else _text(given["model"], "model"),
        _thresholds(given.get("thresholds", THRESHOLDS)),
    )


def _amount(value: object) -> Decimal:
    amount = _number(value, "amount")
    if not 0 < amount < LARGEST:
        raise ValueError(f"amount is {value}; it must be above 0 and below {LARGEST:,}")
    if amount != round(amount, 10):
        raise ValueError(f"amount is {value}; it has more than 10 places")
    return amount


def _number(value: object, what: str) -> Decimal:
    """A number of TOML, as it is written there: a float knows only the nearest binary number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"{what} is {redact(str(value))!r}; it must be a number")  # noqa: TRY004 - as above
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{what} is {redact(str(value))!r}; it must be a number") from None
    if not number.is_finite():
        raise ValueError(f"{what} is {value}; it must be a number")
    return number


def _period(value: object) -> str:
    if value not in PERIODS:
        raise ValueError(f"period is {redact(str(value))!r}; it must be day, week or month")
    return str(value)


def _currency(value: object) -> str:
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value.strip()):
        raise ValueError(f"currency is {redact(str(value))!r}; it must be a code of three letters, such as USD")
    return value.strip().upper()


def _accounts(value: object) -> tuple[str, ...]:
    """One id or name, or a list of them."""
    named: Sequence[object] = (value,) if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
    if not named and value not in ((), []):
        raise ValueError("accounts must be an account id or name, or a list of them")
    return tuple(dict.fromkeys(_text(each, "accounts") for each in named))


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value.strip() or any(ord(letter) < 32 for letter in value):
        raise ValueError(f"{what} must be text on one line that is not empty")
    return value.strip()


def _thresholds(value: object) -> tuple[Decimal, ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError("thresholds must be a list of per cents, such as [50, 80, 100]")
    found = tuple(_number(each, "a threshold") for each in value)
    if any(not 0 < each < 10_000 or each != round(each, 2) for each in found):
        raise ValueError("each threshold must be above 0 and below 10000 per cent, with at most 2 places")
    if sorted(set(found)) != list(found):
        raise ValueError("thresholds must rise, such as [50, 80, 100]")
    return found
