"""An account as the API tells of it right now, in words and as fields, without card digits and links."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.simulator import Account, Simulator, World
from ai_gateway_billing_pipeline.account.state import State
from support.constants import ACCOUNT, NOW, TOKEN

LINK = "https://invoice.example/i/acct_1"


class Asked:
    """An account, and how it is shown."""

    def __init__(self) -> None:
        world = World()
        self.account: Account = world.add_account(ACCOUNT)
        world.add_token(TOKEN)
        self.simulator = Simulator(world, lambda: NOW)
        self.client = Client(TOKEN, transport=httpx.MockTransport(self.simulator.handle))

    @property
    def state(self) -> State:
        return State(self.client, ACCOUNT, NOW)


@pytest.fixture
def asked() -> Iterator[Asked]:
    asked = Asked()
    with asked.client:
        yield asked


CARD = {"has_default_payment_method": True, "payment_method": {"brand": "visa", "last4": "4242"}}


@pytest.mark.parametrize(
    ("balance", "fields", "words"),
    [
        ("640.19", CARD, "$6.4019 (640.19 cents); visa on file"),
        ("0", {"has_default_payment_method": True}, "$0.00 (0 cents); a card on file"),
        ("-100", {"has_default_payment_method": False}, "-$1.00 (-100 cents); no card on file"),
    ],
)
def test_the_balance_is_told_with_who_pays_for_more(
    asked: Asked, balance: str, fields: dict[str, Any], words: str
) -> None:
    asked.account.set_balance(Decimal(balance), **fields)

    assert asked.state.balance() == words


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (None, "none; the account was never topped up manually"),
        ({"enabled": False}, "none"),
        (
            {"enabled": True, "config": {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}},
            "$500.00 (50000 cents), monthly, fixed",
        ),
    ],
)
def test_a_limit_is_told_as_what_it_is(asked: Asked, limit: dict[str, Any] | None, words: str) -> None:
    asked.account.set_spending_limit(limit)

    assert asked.state.spending_limit() == words


def invoice(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"in_{number}", "created": int(NOW.timestamp()) - number, "status": "paid", "currency": "usd",
        "amount_due": 1_050, "amount_paid": 1_050, "amount_remaining": 0, "invoice_origin": "manual",
        "invoice_pdf": LINK, **fields,
    }  # fmt: skip


def test_the_five_newest_invoices_are_shown_without_links(asked: Asked) -> None:
    for number in range(7):
        asked.account.put_invoice(invoice(number))

    lines, fields = asked.state.lines(), asked.state.as_json()

    assert [words.rpartition(", ")[2] for label, words in lines if label == "Invoice"] == [f"in_{n}" for n in range(5)]
    assert asked.state.newest_invoice() == "2026-11-22 10:30 UTC, $10.50 (1050 cents), paid, manual, in_0"
    assert LINK not in str(lines) + str(fields)
    assert "4242" not in str(fields)


def test_a_new_account_has_nothing_to_show(asked: Asked) -> None:
    assert asked.state.newest_invoice() == "none"
    assert dict(asked.state.lines())["Invoice"] == "none"
    assert dict(asked.state.lines())["Automatic top-up"] == "off"


def test_each_part_is_asked_for_once_and_only_when_it_is_wanted(asked: Asked) -> None:
    state = asked.state
    for _ in range(2):
        state.balance()
        _ = state.card

    assert [request.endpoint for request in asked.simulator.requests] == ["credit-balance"]
