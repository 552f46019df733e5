"""What operations answer, typed: `result` in, a value out. `UnusableError` says why that cannot be.

Card digits are left out, and a client secret is not in what a value prints.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from ai_gateway_billing.rows.values import decimal, flag, mapping, text, whole

V = TypeVar("V")


class UnusableError(Exception):
    """A `result` that is not as documented; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Topup:
    """A top-up that was begun; the status of its invoice (`in_…`) tells when it is paid.

    `client_secret` lets a browser finish the card's authentication: never print, log or store it. `was_onboarded`: the
    account was known before.
    """

    invoice_id: str
    was_onboarded: bool | None
    card_brand: str | None
    client_secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TopupStatus:
    """Whether a top-up is `completed` or still `pending`."""

    invoice_id: str
    status: str


@dataclass(frozen=True, slots=True)
class TopupLimits:
    """The smallest and largest single top-up, in hundredths of `currency` (upper case)."""

    min_cents: int
    max_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whether the account may top itself up, why or why not, and what to do next, in the API's own words."""

    eligible: bool
    reason: str
    recoverable: bool
    recommended_action: str
    account_payment_method_state: str
    aig_customer_state: str
    aig_default_payment_method_state: str
    card_brand: str | None


@dataclass(frozen=True, slots=True)
class AutoTopup:
    """The automatic top-up as it was saved: buy `amount_cents` when the balance falls below `threshold_cents`."""

    amount_cents: Decimal
    threshold_cents: Decimal


def topup(result: Any) -> Topup:
    """A top-up. The API calls its invoice `payment_intent_id`; what is only told beside it may be missing."""
    fields = _object(result)
    secret = fields.get("client_secret")
    onboarded = fields.get("onboarding")
    return Topup(
        invoice_id=_field(fields, "payment_intent_id", text),
        was_onboarded=onboarded if isinstance(onboarded, bool) else None,
        card_brand=_brand(fields),
        client_secret=secret if isinstance(secret, str) else None,
    )


def topup_status(result: Any) -> TopupStatus:
    """The state of a top-up; a word that is not documented is passed on."""
    fields = _object(result)
    return TopupStatus(_field(fields, "payment_intent_id", text), _field(fields, "status", text))


def topup_limits(result: Any) -> TopupLimits:
    """The bounds of a top-up."""
    fields = _object(result)
    least, most = _field(fields, "min_cents", whole), _field(fields, "max_cents", whole)
    return TopupLimits(least, most, _field(fields, "currency", text).upper())


def eligibility(result: Any) -> Eligibility:
    """Whether a top-up is possible."""
    fields = _object(result)
    return Eligibility(
        eligible=_field(fields, "eligible", flag),
        reason=_field(fields, "reason", text),
        recoverable=_field(fields, "recoverable", flag),
        recommended_action=_field(fields, "recommended_action", text),
        account_payment_method_state=_field(fields, "account_payment_method_state", text),
        aig_customer_state=_field(fields, "aig_customer_state", text),
        aig_default_payment_method_state=_field(fields, "aig_default_payment_method_state", text),
        card_brand=_brand(fields.get("display_payment_method")),
    )


def auto_topup(result: Any) -> AutoTopup:
    """The automatic top-up as saved, in cents."""
    fields = _object(result)
    return AutoTopup(_field(fields, "amount", decimal), _field(fields, "threshold", decimal))


def nothing(_result: Any) -> None:
    """An operation whose answer holds nothing."""


def _object(result: Any) -> Mapping[str, Any]:
    try:
        return mapping(result)
    except ValueError as error:
        raise UnusableError(f"its result {error}") from None


def _field(fields: Mapping[str, Any], name: str, read: Callable[[Any], V]) -> V:
    try:
        return read(fields.get(name))
    except ValueError as error:
        raise UnusableError(f"`{name}` {error}") from None


def _brand(card: Any) -> str | None:
    brand = card.get("brand") if isinstance(card, dict) else None
    return brand if isinstance(brand, str) else None
