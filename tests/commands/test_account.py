"""`aig-billing account`: its arguments, a terminal of its own, and what a load sees of it afterwards."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.simulator import Simulator, World
from support.acting import CHANGES, QUESTIONS, TOPUP, UNATTENDED, acted_on, sent
from support.command import aig, run_python, start_aig
from support.constants import ACCOUNT, NOW, TOKEN


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with acted_on(monkeypatch) as simulator:
        yield simulator


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TOPUP[:3], "9.99"), "at least 1000 cents"),
        ((*TOPUP[:3], "10000.01"), "between $10.00 (1000 cents) and $10000.00 (1000000 cents)"),
        ((*TOPUP[:3], "50.001"), "at most two decimals"),
        ((*TOPUP[:3], "-50"), "at most two decimals"),
        (("account", "topup-config", "set", "--amount", "50", "--threshold", "4.99"), "at least 500 cents"),
        (("account", "topup-status", "in_/x"), "letters, digits and underscores"),
        (
            ("account", "spending-limit", "set", "--amount", "5", "--duration", "yearly", "--strategy", "fixed"),
            "yearly",
        ),
        ((*TOPUP, "--account", "all"), "one account"),
        ((*TOPUP, "--account", "short"), "32 characters"),
        (("account", "topup"), "--amount"),
    ],
)
def test_a_bad_argument_is_refused_before_anything_is_sent(
    simulator: Simulator, arguments: tuple[str, ...], words: str
) -> None:
    ran = aig(*arguments, *(() if "topup-status" in arguments else ("--dry-run",)))

    assert ran.code == 2
    assert words in ran.err
    assert sent(simulator) == []


def test_a_real_terminal_is_asked(simulator: Simulator) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"50.00\n")
    process = start_aig(*TOPUP, stdin=theirs)
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert process.returncode == 0, err
    assert "Type the amount" in err
    assert "in_sim" in out


def test_the_next_command_is_told_after_a_top_up(simulator: Simulator) -> None:
    out = aig(*TOPUP, *UNATTENDED).out

    (command,) = [line.split(maxsplit=1)[1] for line in out.splitlines() if line.startswith("Next")]
    assert aig(*command.split()[1:]).code == 0


def test_no_help_imports_anything_heavy() -> None:
    commands = ["show", "forget", *CHANGES, *QUESTIONS]
    ran = run_python(f"""
import sys
from ai_gateway_billing_pipeline.cli import main
for command in {["", *commands]}:
    try:
        main(["account", *command.split(), "--help"])
    except SystemExit as end:
        assert not end.code, command
    heavy = {{"dlt", "duckdb", "httpx", "pandas", "pyarrow", "rich.console"}} & set(sys.modules)
    assert not heavy, (command, heavy)
""")

    assert ran.code == 0, ran.err
    assert all(f"Usage: aig-billing account {command} " in ran.out for command in commands)


# --- and the next load sees it ---------------------------------------------------------------------------------------


def load_at(moment: datetime) -> None:
    """A load in a process of its own, since dlt's clock never goes back within one."""
    ran = run_python(f"""
import time_machine
from ai_gateway_billing_pipeline.cli import main
with time_machine.travel({moment.timestamp()}):
    main(["load", "--start", "2026-11-15"])
""")
    assert ran.code == 0, ran.err


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("billing.duckdb", read_only=True) as database:
        return database.execute(sql).fetchall()


@pytest.mark.slow
def test_the_next_load_sees_a_top_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As balance, as invoice, and as a recognised top-up of what was bought, without the fee."""
    world = World()
    world.add_generated_account(ACCOUNT, start=datetime(2026, 11, 15, tzinfo=UTC))
    world.add_token(TOKEN, writes={ACCOUNT})
    simulator = Simulator(world, lambda: NOW)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        load_at(NOW)
        simulator.now = lambda: NOW + timedelta(minutes=20)
        invoice_id = aig(*TOPUP, *UNATTENDED, "--json").json["result"]["invoice_id"]
        simulator.now = lambda: NOW + timedelta(hours=1)
        load_at(NOW + timedelta(hours=1))

    (before,), (after,) = rows("select balance from ai_gateway_billing.credit_balance order by _dlt_valid_from")
    assert Decimal(4900) < after - before <= 5000
    (invoice,) = rows(f"select amount_paid, status from ai_gateway_billing.invoices where id = '{invoice_id}'")
    assert invoice == (Decimal(5250), "paid")
    assert rows(f"select amount_paid from spend.invoices where invoice_id = '{invoice_id}'") == [(Decimal("52.5"),)]
    (version,) = rows("select balance, topups, topup_source from spend.balance where is_current")
    assert version == (after / 100, Decimal(50), "invoice")
