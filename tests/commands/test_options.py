"""No value of any option of any command is unexpected: it is fine, or refused in a sentence."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer

from ai_gateway_billing.api import client
from ai_gateway_billing_pipeline import cli
from support.command import Ran, aig, load_into, serving
from support.constants import ACCOUNT

NUMBERS = ["nan", "inf", "-inf", "-1", "1e308", "1e-300", "99999999999", "99999999999999", "999999", "0x10", "1_0", "٣"]
DATES = [
    "9999-12-31",
    "0001-01-01",
    "2026-02-30",
    "20260101",
    "2026-W01-1",
    "２０２６-01-01",
    "2026-01-01T00:00",
    "now",
]
TEXTS = [
    "",
    "  ",
    "\t",
    "-",
    "--",
    "nonsense",
    "ü€",
    "\udcff",
    "a\nb",
    "x" * 5000,
    "../..",
    "{}",
    "%s",
    "1,2",
    "'",
    "\x1b[31m",
]
COSTLY = {"load", "backfill", "doctor", "report", "check", "export", "metrics", "publish", "today"}
"""Commands that take a second where a value is fine: they get a text of each kind, and with `slow` all."""
COMMON = {
    "--base-url": "accounts",
    **dict.fromkeys(("--database", "--destination", "--log-format", "--log-level"), "daily"),
}
"""Options that the same lines read in all commands: one of these tries every value, by default the others try a few."""
LIKE_DAILY = {"gateways", "invoices", "models", "monthly", "runway"}
"""Commands all of whose options are those of `daily`."""
KINDS = ["", "-", "nonsense", "\udcff", "a\nb", "x" * 5000, "../..", "'"]
FEW = ["", "nonsense", "\udcff"]
QUICK = ["", "a\nb", "\udcff"]
NUMERIC = {"--last", "--lookback", "--wait", "--max-requests-per-second", "--stale-after", "--amount", "--threshold"}
OURS = ("AIG_BILLING_", "CLOUDFLARE_")
DAYS = {"--from", "--to", "--start"}
NEEDED = {
    "backfill": ["--from", "2026-11-01", "--to", "2026-11-01"],
    "load": ["--only", "credit_balance"],
    "query": ["select 1"],
    "export": ["focus"],
    "account topup": ["--amount", "50.00", "--account", ACCOUNT, "--dry-run"],
    "account topup-status": ["in_1", "--account", ACCOUNT, "--dry-run"],
    "account topup-config set": ["--amount", "50.00", "--threshold", "5.00", "--account", ACCOUNT, "--dry-run"],
    "account topup-config delete": ["--account", ACCOUNT, "--dry-run"],
    "account spending-limit set": [
        "--amount", "50.00", "--duration", "daily", "--strategy", "fixed", "--account", ACCOUNT, "--dry-run",
    ],
    "account spending-limit delete": ["--account", ACCOUNT, "--dry-run"],
}  # fmt: skip
VARIABLES = [
    "AIG_BILLING_DATABASE", "AIG_BILLING_DESTINATION", "AIG_BILLING_INCLUDE_SENSITIVE", "AIG_BILLING_START",
    "AIG_BILLING_USAGE_UNIT", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_TOKEN_FILE",
    "CLOUDFLARE_BASE_URL",
]  # fmt: skip


def options() -> Iterator[tuple[str, str]]:
    """Every option that takes a value, with its command."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, str]]:
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.is_flag:
                yield name, parameter.opts[0]
        for child, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}".strip(), inner)

    yield from walk("", typer.main.get_command(cli.app))


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """An account's database, and the settings that lead to it; nobody waits for the API."""
    with pytest.MonkeyPatch.context() as patch, serving(patch, ACCOUNT):
        database = load_into(tmp_path_factory.mktemp("loaded") / "billing.duckdb")
        patch.setattr(client, "Client", partial(client.Client, sleep=lambda _: None))
        yield database, {name: value for name, value in os.environ.items() if name.startswith(OURS)}


@pytest.fixture
def loaded(answering: tuple[Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    database, settings = answering
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return database


def assert_is_told(ran: Ran, what: object) -> None:
    assert ran.code in (0, 2), (what, ran)
    assert "Traceback" not in ran.err + ran.out, (what, ran)
    assert "Unexpected" not in ran.err + ran.out, (what, ran)
    if ran.code and not ran.out:  # doctor tells on standard output
        assert ran.err.startswith("Error: "), (what, ran)
        assert ran.err.count("\n") == 1, (what, ran)


def try_all(loaded: Path, command: str, option: str, values: Sequence[str]) -> None:
    """With the database as it was loaded each time. Standard output takes no bytes within this process."""
    needed = NEEDED.get(command, [])
    at = needed.index(option) if option in needed else len(needed)
    for value in values:
        if (option, value) == ("--output", "-"):
            continue
        shutil.copyfile(loaded, "billing.duckdb")
        ran = aig(*command.split(), *needed[:at], *needed[at + 2 :], option, value)
        assert_is_told(ran, value)


EVERY = pytest.mark.parametrize(("command", "option"), list(options()), ids=lambda words: words)


def quick(option: str) -> list[str]:
    """A number or a date where one is meant, and a text of each kind that trips programs up."""
    return [*(NUMBERS[:1] if option in NUMERIC else DATES[:1] if option in DAYS else []), *QUICK]


def more(command: str, option: str) -> list[str]:
    """The other values, but for those that other lines of the same code try."""
    values = NUMBERS if option in NUMERIC else DATES if option in DAYS else []
    texts = KINDS if command in COSTLY else TEXTS
    if command in LIKE_DAILY or COMMON.get(option, command) != command:
        values, texts = values[:2], FEW
    tried = quick(option)
    return [each for each in (*values, *texts) if each not in tried]


@EVERY
def test_a_value_of_each_kind_is_fine_or_refused_in_a_sentence(loaded: Path, command: str, option: str) -> None:
    try_all(loaded, command, option, quick(option))


@pytest.mark.thorough
@EVERY
def test_every_value_is_fine_or_refused_in_a_sentence(loaded: Path, command: str, option: str) -> None:
    try_all(loaded, command, option, more(command, option))


@pytest.mark.slow
@EVERY
def test_values_of_another_kind_are_too(loaded: Path, command: str, option: str) -> None:
    try_all(loaded, command, option, [*NUMBERS, *DATES, *TEXTS])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load", "--lookback", "999999"], "--lookback"),
        (["load", "--wait", "nan"], "--wait"),
        (["load", "--wait", "inf"], "--wait"),
        (["load", "--max-requests-per-second", "inf"], "--max-requests-per-second"),
        (["load", "--max-requests-per-second", "1e-300"], "--max-requests-per-second"),
        (["load", "--grouping", "day", "--only", "usage_hourly"], "--grouping day does not read usage_hourly"),
        (["load", "--grouping", "hour", "--only", "invoices", "--only", "usage_daily"], "does not read usage_daily"),
        (["check", "--stale-after", "99999999999999"], "--stale-after"),
        (["backfill", "--from", "2026-01-01", "--to", "9999-12-31"], "--to 9999-12-31 is in the future"),
        (["load", "--account", ACCOUNT, "--account", ""], "--account is empty"),
        (["query", "--database", "", "select 1"], "--database is empty"),
        (["status", "--database", "a\udcff"], "--database is not UTF-8 text"),
    ],
)
def test_what_no_load_could_mean_is_refused(arguments: list[str], words: str) -> None:
    ran = aig(*arguments)

    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("option", [["--lookback", "1"], ["--wait", "0"], ["--only", "credit_balance"], ["--json"]])
def test_an_option_may_be_repeated(loaded: Path, option: list[str]) -> None:
    shutil.copyfile(loaded, "billing.duckdb")

    assert aig("load", "--only", "credit_balance", *option, *option).code == 0


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(QUICK, id="quick"),
        pytest.param(
            [DATES[0], NUMBERS[0], *(k for k in KINDS if k not in QUICK)], id="more", marks=pytest.mark.thorough
        ),
    ],
)
@pytest.mark.parametrize("variable", VARIABLES)
def test_every_variable_is_fine_or_refused_in_a_sentence(
    loaded: Path, variable: str, values: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in values:
        shutil.copyfile(loaded, "billing.duckdb")
        with monkeypatch.context() as patch:
            patch.setenv(variable, value)
            if variable == "CLOUDFLARE_API_TOKEN_FILE":
                patch.delenv("CLOUDFLARE_API_TOKEN")
            ran = aig("load", "--only", "credit_balance")

        refused = {"CLOUDFLARE_API_TOKEN": (0, 2, 3), "CLOUDFLARE_BASE_URL": (2, 6)}.get(variable, (0, 2))
        assert ran.code in refused, (value, ran)
        assert not re.search("Traceback|Unexpected", ran.err + ran.out), (value, ran)
