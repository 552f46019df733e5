"""An account that `aig-billing account` acts on, served to it, and its commands as they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from ai_gateway_billing.simulator import LoggedRequest, Simulator, World
from support.constants import ACCOUNT, NOW, TOKEN

SESSION = "session-of-somebody-signed-in"
UNATTENDED = ("--yes", "--account", ACCOUNT)
TOPUP = ("account", "topup", "--amount", "50.00")
CHANGES: dict[str, tuple[str, ...]] = {
    "topup": TOPUP,
    "topup-config set": ("account", "topup-config", "set", "--amount", "20", "--threshold", "5"),
    "topup-config delete": ("account", "topup-config", "delete"),
    "spending-limit set": (
        *("account", "spending-limit", "set", "--amount", "9.5", "--duration", "weekly", "--strategy", "sliding"),
    ),
    "spending-limit delete": ("account", "spending-limit", "delete"),
}
QUESTIONS: dict[str, tuple[str, ...]] = {
    "topup-status": ("account", "topup-status", "in_1"),
    "topup-limits": ("account", "topup-limits"),
    "topup-eligibility": ("account", "topup-eligibility"),
}


@contextmanager
def acted_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account with a card and a limit, served, named by the settings; a token and a person that may write."""
    world = World()
    account = world.add_account(ACCOUNT, "Example\nCompany")
    account.set_balance(
        Decimal("640.19"),
        has_default_payment_method=True,
        payment_method={"brand": "visa", "last4": "4242"},
        first_topup_success=True,
    )
    limit = {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}
    account.set_spending_limit({"enabled": True, "config": limit})
    world.add_token(TOKEN, writes={ACCOUNT})
    world.add_token(SESSION, writes={ACCOUNT}, is_dashboard_session=True)
    simulator = Simulator(world, lambda: NOW)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
        yield simulator


def sent(simulator: Simulator) -> list[LoggedRequest]:
    """The requests that are no plain reading."""
    return [request for request in simulator.requests if request.method != "GET"]
