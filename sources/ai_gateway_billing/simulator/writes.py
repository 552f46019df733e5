"""The API's POST and DELETE operations: what they change, and whom they refuse.

Documented are the bodies, their minima, the results, 402 for a declined card, and that a token may neither write
`topup/config` nor set a spending limit. Codes and words of refusals are made up, as nobody has published them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from .account import NO_CONFIG, NO_LIMIT, Account
from .answers import Answer, Call, failure, success
from .exact import JsonObject
from .world import Token, World

_BAD_REQUEST = 7001
_CARDS = frozenset({"CREDIT_CARD", "APPLE_PAY", "GOOGLE_PAY", "LINK"})
_LIMIT_GONE = (
    "Account spending limits are deprecated and can no longer be created, enabled, or modified. "
    "Use AI Gateway spend limits instead."
)

Rule = int | type[str]
"""Of one field of a body: the smallest whole number, or any text."""


class _BadBodyError(Exception):
    """The body breaks the contract; says how."""


class _Asked(NamedTuple):
    """An operation that the token may ask for."""

    world: World
    call: Call
    account: Account
    token: Token
    now: datetime

    def body(self, required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> JsonObject:
        """The fields of the body. Raises `_BadBodyError` for one missing, one too many or one out of bounds."""
        fields = _parsed(self.call)
        rules = {**required, **(optional or {})}
        for name in required:
            if name not in fields:
                raise _BadBodyError(f"{name}: required")
        for name, value in fields.items():
            if name not in rules:
                raise _BadBodyError(f"{name}: unrecognized key")
            if not _keeps(value, rules[name]):
                raise _BadBodyError(f"{name}: invalid value")
        return fields


def methods(endpoint: str | None) -> list[str]:
    """The methods, GET aside, that an endpoint answers."""
    return [method for method, name in OPERATIONS if name == endpoint]


def answer(world: World, call: Call, account: Account, token: Token, now: datetime) -> Answer:
    """What the API says to an operation on an account that the token reads; the change is made at once."""
    if account.id not in token.writes:
        return failure(403, 10000, "Authentication error")
    try:
        return OPERATIONS[call.method, call.endpoint or ""](_Asked(world, call, account, token, now))
    except _BadBodyError as error:
        return failure(400, _BAD_REQUEST, str(error))


def _top_up(asked: _Asked) -> Answer:
    body = asked.body({"amount": 1000}, {"payment_method_id": str})
    state = asked.account.balance(asked.now)
    if body["amount"] > asked.account.topup_limits()["max_cents"]:
        return failure(400, _BAD_REQUEST, "amount: exceeds the maximum top-up of this account")
    if not (state["has_default_payment_method"] or "payment_method_id" in body):
        return failure(400, _BAD_REQUEST, "No default payment method")
    if asked.account.declines_card:
        return failure(402, 7402, "Your card was declined.")
    invoice_id = asked.account.top_up(body["amount"], asked.now)
    return success(
        {
            "onboarding": state["first_topup_success"],
            "payment_intent_id": invoice_id,
            "client_secret": f"pi_sim{invoice_id[-6:]}_secret_sim{invoice_id[-12:]}",
            **(state["payment_method"] or {}),
        }
    )


def _status(asked: _Asked) -> Answer:
    invoice_id = asked.body({"payment_intent_id": str})["payment_intent_id"]
    status = asked.account.topup_status(invoice_id, asked.now)
    if status is None:
        return failure(404, 7004, "No such invoice")
    return success({"payment_intent_id": invoice_id, "status": status})


def _eligibility(asked: _Asked) -> Answer:
    fields = _parsed(asked.call)
    offered = [each.get("type") in _CARDS for each in fields.get("payment_methods", ())]
    state = asked.account.balance(asked.now)
    is_linked = state["has_default_payment_method"]
    reason, action = _verdict(offered, is_linked=is_linked)
    posture = "SUPPORTED_PRESENT" if any(offered) else "UNSUPPORTED_ONLY" if offered else "NONE"
    return success(
        {
            "eligible": reason == "ELIGIBLE",
            "reason": reason,
            "recoverable": True,
            "recommended_action": action,
            "account_payment_method_state": posture if "payment_methods" in fields else "UNKNOWN",
            "aig_customer_state": "RESOLVED",
            "aig_default_payment_method_state": "PRESENT" if is_linked else "MISSING",
            "display_payment_method": state["payment_method"],
        }
    )


def _verdict(offered: list[bool], *, is_linked: bool) -> tuple[str, str]:
    """Why a top-up is possible or not, and what to do; `offered` tells of each method whether it is a card."""
    if is_linked:
        return "ELIGIBLE", "NONE"
    if any(offered):
        return "ACCOUNT_PAYMENT_METHOD_NOT_LINKED_TO_AIG", "USE_EXISTING_CARD"
    reason = "UNSUPPORTED_ACCOUNT_PAYMENT_METHOD" if offered else "NO_ACCOUNT_PAYMENT_METHOD"
    return reason, "ADD_SUPPORTED_PAYMENT_METHOD"


def _set_config(asked: _Asked) -> Answer:
    if not asked.token.is_dashboard_session:
        return _dashboard_only()
    body = asked.body({"amount": 1000, "threshold": 500})
    asked.account.set_topup_config(NO_CONFIG | body)
    return success(body)


def _delete_config(asked: _Asked) -> Answer:
    if not asked.token.is_dashboard_session:
        return _dashboard_only()
    asked.account.set_topup_config(dict(NO_CONFIG))
    return success({})


def _dashboard_only() -> Answer:
    return failure(403, 7403, "Only dashboard sessions may change the auto top-up configuration")


def _set_limit(_asked: _Asked) -> Answer:
    return failure(403, 7403, _LIMIT_GONE)


def _delete_limit(asked: _Asked) -> Answer:
    if asked.account.spending_limit() is None:
        return failure(asked.world.no_manual_topup_status, 1000, "NO_MANUAL_TOPUP")
    asked.account.set_spending_limit(NO_LIMIT)
    return success({})


OPERATIONS: dict[tuple[str, str], Callable[[_Asked], Answer]] = {
    ("POST", "topup"): _top_up,
    ("POST", "topup/status"): _status,
    ("POST", "topup/eligibility"): _eligibility,
    ("POST", "topup/config"): _set_config,
    ("DELETE", "topup/config"): _delete_config,
    ("POST", "spending-limit"): _set_limit,
    ("DELETE", "spending-limit"): _delete_limit,
}
"""Every operation by method and endpoint."""


def _parsed(call: Call) -> JsonObject:
    if not call.body:
        return {}
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise _BadBodyError("Content-Type: expected application/json")
    try:
        fields = json.loads(call.body)
    except ValueError:
        raise _BadBodyError("body: malformed JSON") from None
    if not isinstance(fields, dict):
        raise _BadBodyError("body: expected object")
    return fields


def _keeps(value: object, rule: Rule) -> bool:
    if isinstance(rule, int):
        return type(value) is int and value >= rule
    return isinstance(value, rule)
