"""Operations on a pretend account, an API that answers them as told, and a sender to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ai_gateway_billing.errors import (
    ApiError,
)
from ai_gateway_billing.operations import operations
from ai_gateway_billing.operations.operations import Operation, Sender
from ai_gateway_billing.simulator import World
from support.constants import ACCOUNT, TOKEN

NEW = "cd" * 16
SESSION = "signed-in-to-the-dashboard"
INVOICE = "in_1AbCdEfGhIjKlMnOpQrStUv"
SECRET = "pi_1AbC_secret_ZyXwVu9876543210"
TOPUP = {
    "onboarding": True,
    "payment_intent_id": INVOICE,
    "client_secret": SECRET,
    "brand": "visa",
    "last4": "4242",
}
ELIGIBLE = {
    "eligible": True,
    "reason": "ELIGIBLE",
    "recoverable": True,
    "recommended_action": "NONE",
    "account_payment_method_state": "SUPPORTED_PRESENT",
    "aig_customer_state": "RESOLVED",
    "aig_default_payment_method_state": "PRESENT",
    "display_payment_method": {"brand": "visa", "last4": "4242"},
}
TOP_UP = operations.create_topup(ACCOUNT, 5000)
STATUS = operations.topup_status(ACCOUNT, INVOICE)
LIMITS = operations.topup_limits(ACCOUNT)
ELIGIBILITY = operations.topup_eligibility(ACCOUNT)
SET_CONFIG = operations.set_topup_config(ACCOUNT, amount_cents=2000, threshold_cents=500)
DELETE_CONFIG = operations.delete_topup_config(ACCOUNT)
SET_LIMIT = operations.set_spending_limit(ACCOUNT, amount_cents=100, duration="daily", strategy="fixed")
DELETE_LIMIT = operations.delete_spending_limit(ACCOUNT)
CHANGES = [TOP_UP, SET_CONFIG, DELETE_CONFIG, SET_LIMIT, DELETE_LIMIT]
QUESTIONS = [STATUS, LIMITS, ELIGIBILITY]


def named(operation: Operation[Any]) -> str:
    return f"{operation.method} {operation.endpoint}"


class Api:
    """Answers every request alike and keeps them."""

    def __init__(self, answer: object = None, status: int = 200, **options: Any) -> None:
        self.requests: list[httpx.Request] = []
        self.answer, self.status, self._options = answer, status, options

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self._options:
            return httpx.Response(self.status, **self._options)
        return httpx.Response(self.status, json=self.answer, headers={"content-type": "application/json"})


def good(result: object) -> dict[str, object]:
    return {"success": True, "result": result, "errors": [], "messages": []}


def bad(code: int = 1000, message: str = "no") -> dict[str, object]:
    return {"success": False, "result": None, "errors": [{"code": code, "message": message}]}


def sender(api: Callable[[httpx.Request], httpx.Response], **options: Any) -> Sender:
    return Sender(TOKEN, transport=httpx.MockTransport(api), **options)


def failure(api: Api, operation: Operation[Any] = TOP_UP) -> ApiError:
    with sender(api) as out, pytest.raises(ApiError) as caught:
        out.send(operation)
    return caught.value


def world() -> World:
    """An account with a card, a limit and a payment behind it, and a new one; a token and a person that may write."""
    world = World()
    account = world.add_account(ACCOUNT, "With a card")
    account.set_balance(
        640,
        has_default_payment_method=True,
        payment_method={"brand": "visa", "last4": "4242"},
        first_topup_success=True,
    )
    limit = {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}
    account.set_spending_limit({"enabled": True, "config": limit})
    world.add_account(NEW, "New")
    world.add_token(TOKEN, writes={ACCOUNT, NEW})
    world.add_token(SESSION, writes={ACCOUNT}, is_dashboard_session=True)
    return world
