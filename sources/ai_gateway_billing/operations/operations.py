"""The operations that change an account or ask about such a change. No load, backfill or check imports this.

    with Sender(token) as sender:
        topup = sender.send(create_topup(account_id, 5000))

Each function checks its arguments and returns an `Operation`: what will be sent, to be looked at or to be sent. It
raises `SettingsError` for an argument that the API is documented to refuse. Amounts are whole cents; a float or a
bool is none. The token needs "AI Gateway Write".
https://developers.cloudflare.com/api/resources/ai_gateway_billing/
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict, TypeVar, get_args

from ai_gateway_billing.api.inputs import checked_account_id
from ai_gateway_billing.errors import SettingsError

from . import answers
from .answers import AutoTopup, Eligibility, Topup, TopupLimits, TopupStatus
from .sending import Operation, Sender

__all__ = [
    "AutoTopup",
    "Duration",
    "Eligibility",
    "Operation",
    "PaymentMethod",
    "Sender",
    "Strategy",
    "Topup",
    "TopupLimits",
    "TopupStatus",
    "create_topup",
    "delete_spending_limit",
    "delete_topup_config",
    "set_spending_limit",
    "set_topup_config",
    "topup_eligibility",
    "topup_limits",
    "topup_status",
]

Duration = Literal["daily", "weekly", "monthly"]
Strategy = Literal["fixed", "sliding"]
T = TypeVar("T")

MIN_TOPUP_CENTS: Final = 1000
MIN_THRESHOLD_CENTS: Final = 500
MIN_LIMIT_CENTS: Final = 100

_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
_DASHBOARD_ONLY: Final = (
    "Only a person signed in to the dashboard can change the automatic top-up: Cloudflare refuses every "
    "API token. Change it in the dashboard, on AI Gateway's billing page. Nothing was changed."
)
_LIMITS_GONE: Final = (
    "Account spending limits can no longer be set, whatever the token: Cloudflare has replaced them by the spend "
    "limits of each gateway. Set those in the gateway's settings; what is left of the old kind can only be deleted. "
    "Nothing was changed."
)
_NO_SUCH_INVOICE: Final = "Check the account, and the id of the invoice, which begins with in_."
_DECLINED: Final = "The card was declined: nothing was charged. Check it in the dashboard, or name another one."
_LOOK_FOR_INVOICE: Final = (
    "`aig-billing account show` shows the balance and the newest invoices: one of that minute means that it happened, "
    "and `aig-billing account topup-status` with its id shows whether it is paid."
)
_LOOK_AT_STATE: Final = "`aig-billing account show` shows the state as it is now."


class PaymentMethod(TypedDict, total=False):
    """One of the account's payment methods, as the dashboard forwards them; `type` is such as CREDIT_CARD."""

    default: bool
    last_four: str
    type: str


def create_topup(account_id: str, amount_cents: int, *, payment_method_id: str | None = None) -> Operation[Topup]:
    """Buy credits: at least 1000 cents, charged to the default card or to a Stripe payment method (`pm_…`).

    The charge is higher than the credits: Cloudflare adds 5 % (documented in May 2026).
    """
    body: dict[str, Any] = {"amount": _cents("amount", amount_cents, MIN_TOPUP_CENTS)}
    if payment_method_id is not None:
        body["payment_method_id"] = _id("payment method", payment_method_id)
    words = {402: _DECLINED}
    return _operation("POST", "topup", account_id, body, answers.topup, words=words, find_out=_LOOK_FOR_INVOICE)


def topup_status(account_id: str, invoice_id: str) -> Operation[TopupStatus]:
    """Ask how a top-up fares, by its invoice (`in_…`), which the API calls a payment intent. Changes nothing."""
    body = {"payment_intent_id": _id("invoice", invoice_id)}
    return _operation("POST", "topup/status", account_id, body, answers.topup_status, words={404: _NO_SUCH_INVOICE})


def topup_limits(account_id: str) -> Operation[TopupLimits]:
    """Ask for the bounds of a single top-up. Changes nothing; "AI Gateway Read" is enough."""
    return _operation("GET", "topup/limits", account_id, None, answers.topup_limits)


def topup_eligibility(
    account_id: str, payment_methods: Sequence[PaymentMethod] | None = None
) -> Operation[Eligibility]:
    """Ask whether the account may top itself up, given its payment methods, at most 100. Changes nothing."""
    if payment_methods is not None and len(payment_methods) > 100:
        raise SettingsError("At most 100 payment methods can be listed.")
    body = {} if payment_methods is None else {"payment_methods": [dict(each) for each in payment_methods]}
    return _operation("POST", "topup/eligibility", account_id, body, answers.eligibility)


def set_topup_config(account_id: str, *, amount_cents: int, threshold_cents: int) -> Operation[AutoTopup]:
    """Buy `amount_cents` (at least 1000) whenever the balance falls below `threshold_cents` (at least 500).

    Documented to refuse every API token with 403: dashboard sessions only.
    """
    body = {
        "amount": _cents("amount", amount_cents, MIN_TOPUP_CENTS),
        "threshold": _cents("threshold", threshold_cents, MIN_THRESHOLD_CENTS),
    }
    words = {403: _DASHBOARD_ONLY}
    return _operation(
        "POST", "topup/config", account_id, body, answers.auto_topup, words=words, find_out=_LOOK_AT_STATE
    )


def delete_topup_config(account_id: str) -> Operation[None]:
    """End the automatic top-up. Documented to refuse every API token with 403: dashboard sessions only."""
    words = {403: _DASHBOARD_ONLY}
    return _operation("DELETE", "topup/config", account_id, None, answers.nothing, words=words, find_out=_LOOK_AT_STATE)


def set_spending_limit(
    account_id: str, *, amount_cents: int, duration: Duration, strategy: Strategy
) -> Operation[None]:
    """Limit the account's spending, to at least 100 cents. Deprecated: documented to answer 403 always.

    What replaces it: https://developers.cloudflare.com/ai-gateway/features/spend-limits/
    """
    body = {
        "amount": _cents("amount", amount_cents, MIN_LIMIT_CENTS),
        "duration": _word("duration", duration, get_args(Duration)),
        "strategy": _word("strategy", strategy, get_args(Strategy)),
    }
    words = {403: _LIMITS_GONE}
    return _operation("POST", "spending-limit", account_id, body, answers.nothing, words=words, find_out=_LOOK_AT_STATE)


def delete_spending_limit(account_id: str) -> Operation[None]:
    """Remove the account's spending limit. Deprecated, but still the way to get rid of one."""
    return _operation("DELETE", "spending-limit", account_id, None, answers.nothing, find_out=_LOOK_AT_STATE)


def _operation(
    method: str,
    endpoint: str,
    account_id: str,
    body: Mapping[str, Any] | None,
    read: Callable[[Any], T],
    *,
    words: Mapping[int, str] | None = None,
    find_out: str = "",
) -> Operation[T]:
    return Operation(method, endpoint, checked_account_id(account_id), body, read, words or {}, find_out)


def _cents(name: str, amount: object, least: int) -> int:
    if type(amount) is not int:
        raise SettingsError(
            f"The {name} is given in whole cents, as a whole number of Python (int); this is something else."
        )
    if amount < least:
        raise SettingsError(f"The {name} is at least {least} cents (${least // 100}); this is {amount} cents.")
    return amount


def _id(name: str, text: object) -> str:
    if isinstance(text, str) and _ID.fullmatch(text):
        return text
    raise SettingsError(
        f"The id of the {name} may contain only letters, digits and underscores; this one contains others."
    )


def _word(name: str, word: object, words: Sequence[str]) -> str:
    if isinstance(word, str) and word in words:
        return word
    raise SettingsError(f"The {name} is one of {', '.join(words)}.")
