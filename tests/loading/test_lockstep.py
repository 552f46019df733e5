"""One hard history, loaded into the DuckDB file and into other stores: after each load all tables are the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import Account, Raw
from support.constants import ACCOUNT, DAY, HOUR, OTHER, TOKEN
from support.lake import Lake
from support.lockstep import Lockstep
from support.postgres import Database

pytestmark = pytest.mark.stores

START = datetime(2026, 9, 1, tzinfo=UTC)
USAGE = ("usage_hourly", "usage_daily")
MANY_DIGITS = Decimal("9999999999.123456789012345678")


@pytest.fixture(params=["postgres", "ducklake"])
def together(request: pytest.FixtureRequest, tmp_path: Path) -> Lockstep:
    store: Database | Lake = request.getfixturevalue({"ducklake": "lake"}.get(request.param, request.param))
    return Lockstep(tmp_path, {request.param: store.asking}, f"{START:%Y-%m-%d}")


@pytest.mark.slow
def test_every_load_leaves_the_same_everywhere(together: Lockstep) -> None:
    first = together.world.add_generated_account(ACCOUNT, start=START)
    together.world.add_token(TOKEN)
    together.load()

    for change in (_second_account, _late_and_withdrawn, _many_digits, _new_fields, _other_types):
        change(together, first)
        together.now += timedelta(hours=5)
        together.load()

    _no_preview_and_refused(together)
    together.until(together.now + 2 * HOUR)
    for faults in together.faults:
        faults.clear()
    together.until(together.now + 2 * DAY)  # a deep pass
    together.load(full_refresh=True)
    together.load(only=USAGE, backfill=(date(2026, 8, 1), date(2026, 8, 9)))


def test_attribution_is_the_same_everywhere(together: Lockstep) -> None:
    together.world.add_generated_account(ACCOUNT, start=together.now - 5 * DAY)
    together.world.add_token(TOKEN)
    for bench in together.benches:
        bench.attribution = {"attribution": True, "attribution_tags": ("team",)}
    together.load()
    together.until(together.now + 5 * HOUR)

    assert together.file.one("select count(*) > 100 from {raw}.gateway_usage_hourly")
    assert together.file.one("select count(*) > 100 from {raw}.gateway_usage_tags_hourly")
    assert together.file.one("select count(*) > 0 from {raw}.gateways")


def _second_account(together: Lockstep, _: Account) -> None:
    second = together.world.add_generated_account(OTHER, start=START + 10 * DAY)
    second.put_invoice(
        {"currency": "usd", "amount_due": 5, "amount_paid": 5, "amount_remaining": 0, "created": 1790000000}
    )
    together.world.add_token(TOKEN)


def _late_and_withdrawn(together: Lockstep, account: Account) -> None:
    today = together.now.replace(hour=0, minute=0)
    account.set_hour(today - 2 * DAY, Decimal("0.000000000000000001"), 3)
    account.withdraw("hour", today - DAY + 3 * HOUR)
    account.withdraw("day", today - DAY)
    account.reid("hour", today - DAY + 4 * HOUR)


def _many_digits(together: Lockstep, account: Account) -> None:
    account.set_day(together.now.replace(hour=0, minute=0) - DAY, MANY_DIGITS, -MANY_DIGITS)
    account.set_balance(Decimal("-1234567890.123456789012345678"))
    account.put_invoice(
        {
            "id": "in_1",
            "currency": "usd",
            "created": 1790000000,
            "description": "é \u0000 \\ ' \" % %s ; \n \t 漢 end",
            "amount_due": Raw("99999999999.999999999999999999"),
            "amount_paid": 0,
            "amount_remaining": Raw("0.000000000000000001"),
        }
    )


def _new_fields(together: Lockstep, _: Account) -> None:
    for endpoint, path, value in (
        ("usage-history", "history.*.model", "gpt-5.5"),
        ("usage-history", "history.*.tokenCount", Raw("0.123456789012345678")),
        ("invoice-history", "invoices.*.tax", Raw("7e3")),
        ("invoice-preview", "invoice_lines.*.pricing.tier", Raw("0.1")),
        ("credit-balance", "extra", 1),
        ("spending-limit", "config.window", "rolling"),
    ):
        together.world.inject(endpoint, path, value)


def _other_types(together: Lockstep, _: Account) -> None:
    together.world.inject("usage-history", "history.*.tokenCount", "many")
    together.world.inject("credit-balance", "extra", "one")
    together.world.inject("invoice-history", "invoices.*.attempt_count", "three")


def _no_preview_and_refused(together: Lockstep) -> None:
    together.world.accounts[ACCOUNT].set_preview(None)
    for faults in together.faults:
        faults.add(403, account_id=OTHER)
