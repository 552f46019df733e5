"""Made-up parts of accounts: an id, some of everything, an invoice, a preview."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import Any

from ai_gateway_billing.simulator import Account
from support.bench import Fields
from support.constants import HOUR, TODAY


def account_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:32]


def fill(account: Account, factor: int = 1) -> None:
    """A few hours of usage today and yesterday, and a bit of everything else."""
    for hours in range(30):
        account.set_hour(TODAY + (10 - hours) * HOUR, Decimal("1.000000001") * (hours + 1) * factor)
    account.set_balance(Decimal("640.19") * factor)
    account.set_topup_config({"amount": 50_000 * factor, "threshold": 500, "lastFailedAt": 1_790_000_000_123})
    account.set_spending_limit(
        {"enabled": False, "config": {"amount": 100_000, "duration": "weekly", "strategy": None}}
    )
    account.set_preview(preview(factor))
    for number in range(3):
        account.put_invoice(invoice(f"in_{number}", amount_due=1050 * factor))


def invoice(invoice_id: str | None, **changes: Any) -> Fields:
    return {
        "id": invoice_id,
        "created": 1_790_000_000,
        "status": "open",
        "currency": "usd",
        "amount_due": 1050,
        "amount_paid": 0,
        "amount_remaining": 1050,
        "description": "credits",
        **changes,
    }


def line(model: str, amount: Any = 19287, *reductions: Any) -> Fields:
    return {
        "description": model,
        "amount": amount,
        "currency": "usd",
        "quantity": Decimal("123456789.000000000001"),
        "period": {"start": 1_793_491_200, "end": 1_796_083_200},
        "pricing": {"unit_amount_decimal": "0.000125"},
        "pretax_credit_amounts": [{"amount": each, "type": "credit_balance_transaction"} for each in reductions],
    }


def preview(amount: Any = 18846, *lines: Any) -> Fields:
    return {
        "id": "upcoming_1",
        "status": "draft",
        "currency": "usd",
        "amount_due": amount,
        "amount_paid": 0,
        "amount_remaining": amount,
        "period_start": 1_793_491_200,
        "period_end": 1_796_083_200,
        "invoice_lines": list(lines) or [line("openai/gpt-5.5", 19287, 1808, 5), line("Workers AI prepaid", 1354)],
    }
