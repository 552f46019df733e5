"""Bare `aig-billing`: how things stand on one screen, or the help where there is no database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import time_machine

from ai_gateway_billing_pipeline import cli
from support.command import Ran, aig, run_python
from support.constants import ACCOUNT, DAY, NOW
from support.raw_tables import at, database, used
from support.spending import READ_AT, read, two_accounts
from support.terminals import terminal

BALANCE = {"account_id": ACCOUNT, "balance": "2000", "_dlt_valid_from": at(READ_AT), "_dlt_id": "x"}
ONE: dict[str, Any] = {
    "usage_hourly": [used("2026-11-21", "100", hour=3), used("2026-11-22", "25", hour=3)],
    "usage_coverage": [read("2026-11-21"), read("2026-11-22")],
    "credit_balance": [BALANCE],
}


def bare(later: Any = 0 * DAY) -> Ran:
    with time_machine.travel(NOW + later, tick=False):
        return aig()


def test_without_a_database_it_is_the_help() -> None:
    ran = bare()

    assert (ran.code, ran.out) == (0, aig("--help").out)


def test_of_one_account_it_is_a_list() -> None:
    database(Path(), **ONE).close()

    ran = bare()

    assert (ran.code, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines[0] == "AI Gateway billing in billing.duckdb, UTC, as of 2026-11-22 10:30"
    assert lines[2:6] == [
        "today so far 0.25 USD 1.00 on the day before",
        "month so far 1.25 USD forecast 1.25",
        "credit left 20.00 USD top-up off",
        "days left unknown days",
    ]
    assert "Invoices to pay: none" in lines


def test_another_file_can_be_named() -> None:
    other = Path("other")
    other.mkdir()
    database(other, **ONE).close()

    with time_machine.travel(NOW, tick=False):
        ran = aig("--database", "other/billing.duckdb")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("AI Gateway billing in other/billing.duckdb, UTC, as of")


def test_a_named_file_that_is_missing_is_told() -> None:
    ran = aig("--database", "other.duckdb")

    assert ran.code == 2
    assert "There is no database other.duckdb" in ran.err


@pytest.mark.parametrize("given", [["--database", "x.duckdb"], ["--destination", "postgres"]])
@pytest.mark.parametrize("command", ["load", "today", "account"])
def test_options_before_a_command_are_not_taken_for_its_own(given: list[str], command: str) -> None:
    ran = aig(*given, command)

    assert (ran.code, ran.out) == (2, "")
    assert f"{given[0]} stands behind the command: aig-billing {command}" in ran.err


@pytest.mark.parametrize("option", ["--database", "--destination"])
def test_an_empty_name_is_refused(option: str) -> None:
    ran = aig(option, "")

    assert (ran.code, ran.err) == (2, f"Error: {option} is empty.\n")


def test_the_next_day_it_does_not_say_today() -> None:
    database(Path(), **ONE).close()

    out = bare(2 * DAY).out

    assert "today so far" not in out
    assert "2026-11-22" in out.splitlines()[2]
    assert "The newest data is 2 days old. Run `aig-billing load`." in out


def test_of_several_accounts_it_is_a_table_with_totals() -> None:
    two_accounts(Path()).close()

    words = [" ".join(line.split()) for line in bare().out.splitlines()]

    assert "Production 0.50 1.00 1.00 -0.05 EUR 0.0" in words
    assert "total 1.00 4.00 13.00 20.00 USD" in words
    assert "Invoices to pay: 1, 10.50 USD" in words


@pytest.mark.parametrize("accounts", [1, 2, 8, 30])
def test_it_fits_one_screen(accounts: int) -> None:
    ids = [f"{number:032x}" for number in range(1, accounts + 1)]
    usage = [used("2026-11-22", "123456789", account_id, hour=3) for account_id in ids]
    two_accounts(Path(), usage_hourly=usage, usage_coverage=[read("2026-11-22", each) for each in ids]).close()

    with terminal(80) as screen, time_machine.travel(NOW, tick=False), pytest.raises(SystemExit):
        cli.main([])

    lines = screen.text.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert "1,234,567.89" in screen.text


@pytest.mark.parametrize("broken", [b"", b"no database at all, but some text that is long enough to be read" * 99])
def test_a_file_that_is_none_is_told(broken: bytes) -> None:
    Path("billing.duckdb").write_bytes(broken)

    ran = bare()

    assert ran.code in (1, 2)
    assert ran.err.startswith("Error: ")
    assert "Traceback" not in ran.err


def test_a_database_in_which_nothing_is_says_what_to_do() -> None:
    database(Path()).close()

    assert bare().out.startswith("Nothing has been loaded yet. Run `aig-billing load` first.\n")


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys\nfrom ai_gateway_billing_pipeline import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('dlt', 'duckdb', 'rich', 'httpx') if name in sys.modules])"
    )

    assert run_python(code).out.endswith("[]\n")
    assert "duckdb" in sys.modules
