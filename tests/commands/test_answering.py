"""The commands that answer without SQL: as people read them, as machines do, and when there is nothing to say."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import time_machine

from ai_gateway_billing_pipeline.answers.questions import QUESTIONS
from support.command import Ran, aig
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER
from support.raw_tables import database, invoice, named, used
from support.spending import lines, two_accounts
from support.terminals import terminal

COMMANDS = [*QUESTIONS]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("loaded")
    two_accounts(folder).close()
    return (folder / "billing.duckdb").read_bytes()


@pytest.fixture(autouse=True)
def loaded(file: bytes) -> None:
    """The working folder has it."""
    Path("billing.duckdb").write_bytes(file)


def ask(*arguments: str, later: timedelta = timedelta()) -> Ran:
    with time_machine.travel(NOW + later, tick=False):
        return aig(*arguments)


def test_days_are_a_table_with_a_total_for_each_currency() -> None:
    ran = ask("daily", "--last", "2")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "Spend per day, UTC, as of 2026-11-22 10:30\n"
        "\n"
        "day             account     spend\n"
        "────────────────────────────────────────────────────────────────────────────────────\n"
        "2026-11-21 Sat  Production   0.50  EUR  ################  incomplete: 12 of 24 hours\n"
        "2026-11-21 Sat  Research     1.00  USD  ################  incomplete: 12 of 24 hours\n"
        "2026-11-22 Sun  Production   0.50  EUR  ################  so far\n"
        "2026-11-22 Sun  Research     1.00  USD  ################  so far\n"
        "────────────────────────────────────────────────────────────────────────────────────\n"
        "total                        1.00  EUR\n"
        "total                        2.00  USD\n"
    )


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["daily", "--account", "Research"], ["2026-11-20 Fri unknown USD", "total 4.00 USD of what is known"]),
        (["monthly", "--account", ACCOUNT], ["2026-11 4.00 USD ################ so far; 4 of 22 days known; forecast"]),
        (["today", "--account", ACCOUNT], ["today 1.00 USD until 10:00", "yesterday by then 1.00 USD +0 %; 1.00 in"]),
        (["today", "--account", ACCOUNT], ["month so far 4.00 USD forecast 13.00", "last month by then unknown USD"]),
        (["today"], ["Research 1.00 1.00 +0 % 4.00 20.00 USD 20.0", "total 0.50 0.50 1.00 -0.05 EUR"]),
        (["models", "--account", ACCOUNT], ["2026-11 openai/small <0.01 0.00 <0.01 USD # so far"]),
        (["invoices"], ["2026-11-12 Research manual top-up open 10.50 10.50 USD 10 open: 10.50 to pay"]),
        (
            ["runway", "--account", OTHER],
            ["credit left -0.05 EUR", "next top-up none off", "spent per day unknown EUR"],
        ),
        (["runway"], ["Research 20.00 1.00 4.00 13.00 USD 20.0 off", "total -0.05 unknown 1.00 1.00 EUR"]),
    ],
)
def test_tables_mark_what_is_open_and_what_is_unknown(arguments: Sequence[str], lines: Sequence[str]) -> None:
    ran = ask(*arguments)

    words = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert [line for line in lines if not any(found.startswith(line) for found in words)] == [], ran.out


@pytest.mark.parametrize("command", COMMANDS)
def test_machines_get_one_object_in_one_line_with_every_digit(command: str) -> None:
    ran = ask(command, "--json")

    found = json.loads(ran.out, parse_float=Decimal)
    assert (ran.code, ran.err, ran.out.count("\n")) == (0, "", 1)
    assert list(found) == ["as_of", command, "totals"]
    assert found["as_of"] == "2026-11-22T10:30:00Z"
    assert {row["account_id"] for row in found[command]} == {ACCOUNT, OTHER}
    assert [total["currency"] for total in found["totals"]] == ["EUR", "USD"]


def test_an_unknown_amount_is_null_and_a_small_one_is_whole() -> None:
    days = json.loads(ask("daily", "--json", "--account", ACCOUNT).out)["daily"]
    models = json.loads(ask("models", "--json", "--account", ACCOUNT).out, parse_float=Decimal)["models"]

    assert [day["amount"] for day in days] == [1, 1, None, 1, 1]
    assert models[1]["gross"] == Decimal("0.0025")


@pytest.mark.parametrize(
    "command",
    [pytest.param(each, marks=() if each in ("today", "daily") else pytest.mark.thorough) for each in COMMANDS],
)
def test_csv_has_a_head_and_the_same_rows(command: str) -> None:
    ran = ask(command, "--csv")

    rows = list(csv.DictReader(io.StringIO(ran.out)))
    objects: list[dict[str, Any]] = json.loads(ask(command, "--json").out)[command]
    assert (ran.code, ran.err) == (0, "")
    assert [list(row) for row in rows] == [list(row) for row in objects]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_narrow_terminal_is_wide_enough(command: str) -> None:
    with terminal(60) as screen, time_machine.travel(NOW, tick=False):
        import sys

        from ai_gateway_billing_pipeline import cli

        with pytest.raises(SystemExit):
            cli.main([command])
        assert sys.stdout is screen

    assert max(map(len, screen.text.splitlines())) <= 60
    assert "as of 2026-11-22 10:30" in screen.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["daily", "--last", "3", "--from", "2026-11-01"], "Use either --last or --from, not both."),
        (["daily", "--from", "2026-11-02", "--to", "2026-11-01"], "--from 2026-11-02 is after --to 2026-11-01"),
        (["monthly", "--from", "2026-11"], "--from 2026-11 is not a date"),
        (["daily", "--last", "0"], "--last"),
        (["models", "--json", "--csv"], "Use either --csv or --json, not both."),
        (["runway", "--account", "nobody"], f"no such account. The database contains {OTHER} (Production), {ACCOUNT}"),
        (["invoices", "--account", ""], "--account is empty"),
        (["daily", "--database", "nowhere.duckdb"], "There is no database nowhere.duckdb"),
    ],
)
def test_a_bad_option_ends_with_2_and_a_sentence(arguments: Sequence[str], words: str) -> None:
    ran = ask(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["daily", "--from", "2027-01-01"],
            "No spend of these 2 accounts is known from 2027-01-01. The newest data is",
        ),
        (["monthly", "--account", "Research", "--to", "2026-01-31"], "No spend of Research is known to 2026-01-31."),
        (["invoices", "--from", "2020-01-01", "--to", "2020-01-02"], "No invoice of these 2 accounts is known from"),
    ],
)
def test_without_a_row_a_sentence_says_why(arguments: Sequence[str], sentence: str) -> None:
    ran = ask(*arguments)
    as_json, as_csv = ask(*arguments, "--json"), ask(*arguments, "--csv")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(sentence)
    assert ran.out.count("\n") == 1
    assert json.loads(as_json.out)[arguments[0]] == []
    assert as_csv.out.startswith("account_id,account_name,")
    assert sentence in as_json.err
    assert sentence in as_csv.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_in_which_nothing_is_says_so(command: str, tmp_path: Path) -> None:
    database(tmp_path).close()
    ran = ask(command, "--database", str(tmp_path / "billing.duckdb"))

    assert (ran.code, ran.out) == (0, "Nothing has been loaded yet. Run `aig-billing load` first.\n")


def test_a_day_that_is_over_is_not_called_today() -> None:
    words = " ".join(ask("today", "--account", ACCOUNT, later=DAY).out.split())

    assert "Sun 22 Nov 1.00 USD until 10:00 the day before by then 1.00 USD" in words
    assert "today" not in words


def test_old_data_is_told_to_be_old() -> None:
    assert "The newest data is" not in ask("daily", later=DAY).out
    assert "The newest data is 1 day old. Run `aig-billing load`." in ask("daily", later=DAY + HOUR).out
    assert "The newest data is 5 days old. Run `aig-billing load`." in ask("daily", later=5 * DAY).out


def test_of_very_many_rows_the_last_thousand_are_shown(tmp_path: Path) -> None:
    usage = [used("2023-01-01", "100"), used("2026-11-22", "100")]
    two_accounts(tmp_path, usage_hourly=[], usage_coverage=[], usage_daily=usage).close()
    path = str(tmp_path / "billing.duckdb")
    ran = ask("daily", "--from", "2023-01-01", "--database", path)

    assert "The last 1,000 of 1,422 rows; --csv and --json print all." in ran.out
    assert len(ran.out.splitlines()) < 1_020
    assert len(json.loads(ask("daily", "--from", "2023-01-01", "--database", path, "--json").out)["daily"]) == 1_422


@pytest.fixture(scope="module")
def long_ago(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with more of everything than is shown without a number: a dollar a day, and one long ago."""
    folder = tmp_path_factory.mktemp("long")
    months = [lines("2026-10-01", "2026-11-01", "usd", ACCOUNT, large="300"),
              lines("2026-11-01", "2026-12-01", "usd", ACCOUNT, large="300")]  # fmt: skip
    two_accounts(
        folder,
        usage_hourly=[],
        usage_coverage=[],
        usage_daily=[used(f"{NOW - n * DAY:%Y-%m-%d}", "100") for n in (400, *range(40))],
        invoices=[invoice(f"2026-10-{day:02}", last_listed_at=NOW) for day in range(1, 26)],
        invoice_preview=[version for version, _ in months],
        invoice_preview__invoice_lines=[line for _, shown in months for line in shown],
    ).close()
    return str(folder / "billing.duckdb")


@pytest.mark.parametrize(
    ("command", "key", "help_says", "newest"),
    [
        ("daily", "day", "By default the last 14 days.", [f"{NOW - n * DAY:%Y-%m-%d}" for n in range(14)]),
        ("monthly", "month", "the last 12 months", ["2026-11", *(f"2026-{n:02}" for n in range(10, 0, -1)), "2025-12"]),
        ("models", "month", "in the running month", ["2026-11"]),
        ("invoices", "created_at", "By default 20:", [f"2026-10-{day:02}" for day in range(25, 5, -1)]),
    ],
)
def test_without_a_number_as_many_are_shown_as_the_help_says(
    command: str, key: str, help_says: str, newest: list[str], long_ago: str
) -> None:
    rows = json.loads(ask(command, "--database", long_ago, "--json").out)[command]

    assert sorted((row[key][: len(newest[0])] for row in rows), reverse=True) == newest
    assert help_says in ask(command, "--help").out


def test_without_a_number_gateways_share_the_bill_of_the_days_that_the_help_says(long_ago: str) -> None:
    (unattributed,) = json.loads(ask("gateways", "--database", long_ago, "--json").out)["gateways"]

    assert unattributed["amount"] == 30
    assert "the bill of the last 30 days" in ask("gateways", "--help").out


@pytest.mark.parametrize(
    "name",
    [
        "\x1b[31mred\x07\n[bold]名前[/bold]",
        "=cmd|' /C calc'!A0",
        "x" * 5000,
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("\x1b[31mred\x07", "<script>alert(1)</script>", "a\nb", "[bold]b[/bold]", "名前")
        ),
    ],
)
def test_a_name_may_be_anything(name: str, tmp_path: Path) -> None:
    two_accounts(tmp_path, account_names=[named(ACCOUNT, name)]).close()
    path = str(tmp_path / "billing.duckdb")

    ran, as_json, as_csv = (ask("daily", "--database", path, *form) for form in ([], ["--json"], ["--csv"]))

    assert [ran.code, as_json.code, as_csv.code] == [0, 0, 0]
    assert "\x1b" not in ran.out + as_json.out
    assert max(map(len, ran.out.splitlines())) < 130
    assert {row["account_name"] for row in json.loads(as_json.out)["daily"]} == {name, None}
    assert not [row for row in csv.reader(io.StringIO(as_csv.out)) if row[1].startswith("=")]


def test_two_accounts_of_one_name_are_told_apart(tmp_path: Path) -> None:
    two_accounts(tmp_path, account_names=[named(ACCOUNT, "Same"), named(OTHER, "Same")]).close()
    out = ask("runway", "--database", str(tmp_path / "billing.duckdb")).out

    assert "Same (aaaaaaaa)" in out
    assert "Same (bbbbbbbb)" in out
