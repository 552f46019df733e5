"""A database that an older version wrote, or that lost something: every reading command works or says what to do."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import views
from support.command import aig, load_into, reading_commands, serving
from support.constants import ACCOUNT

EXTRA = {
    "query": ["select count(*) from spend.daily"],
    "export": ["focus", "--output", "focus.csv", "--force"],
    "metrics": ["--output", "metrics.prom"],
    "report": ["--output", "report.html"],
}
"""What these commands cannot be run without."""
OF_VIEWS = sorted(set(reading_commands()) - {"status"})
"""Commands that ask views; status reads raw tables alone."""
LIKE_DAILY = {"gateways", "invoices", "models", "monthly", "runway"}
"""Those of them that ask in the same way as `daily`."""
EACH = pytest.mark.parametrize(
    "command", [pytest.param(each, marks=pytest.mark.thorough if each in LIKE_DAILY else ()) for each in OF_VIEWS]
)
LOADED = [
    "load_status",
    "usage_hourly",
    "usage_daily",
    "usage_coverage",
    "invoices",
    "invoice_preview",
    "invoice_preview__invoice_lines__pretax_credit_amounts",
    "credit_balance",
]
SENTENCES = ("was written by another version of aig-billing", "has lost what was loaded")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a load has published."""
    with pytest.MonkeyPatch.context() as patch, serving(patch, ACCOUNT):
        return load_into(tmp_path_factory.mktemp("published") / "billing.duckdb")


@pytest.fixture
def without(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to take something out of."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "older.duckdb"
    shutil.copy(published, path)
    return path


def change(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def told(path: Path, command: str) -> str:
    """The exit code and what was said; standard output stays empty."""
    if command == "report":
        pytest.importorskip("altair")
    ran = aig(*shlex.split(command), *EXTRA.get(command, []), "--database", str(path))
    assert "Unexpected" not in ran.err
    assert "Traceback" not in ran.err
    assert ran.code == 0 or not ran.out
    return f"{ran.code} {ran.err}"


def is_refused(answer: str) -> bool:
    return answer[0] in "12" and any(words in answer for words in SENTENCES) and "`aig-billing load`" in answer


@EACH
def test_a_database_without_its_views_asks_for_a_load(without: Path, command: str) -> None:
    change(without, "drop schema spend cascade")

    answer = told(without, command)

    assert answer[0] == "2"
    assert "`aig-billing load`" in answer


@EACH
def test_a_macro_of_another_version_asks_for_a_load(without: Path, command: str) -> None:
    change(without, "drop macro spend.late_seconds", "drop macro spend.gone_seconds", "drop macro spend.major")

    answer = told(without, command)

    assert is_refused(answer)


@pytest.mark.parametrize(
    ("view", "command"),
    [
        ("budget", "check"),
        ("by_gateway_daily", "check"),
        ("anomalies", "check"),
        ("by_gateway_daily", "gateways"),
        ("changes", "today"),
        ("budget", "metrics"),
        ("by_model", "models"),
        ("runway", "runway"),
        ("invoices", "invoices"),
        ("monthly", "monthly"),
        ("invoices", "export invoices --format csv --output -"),
        ("budget", "query 'from spend.budget'"),
        ("daily_in", "query \"from spend.daily_in('Asia/Kolkata')\""),
    ],
)
def test_a_view_that_an_older_version_did_not_have_is_named(without: Path, view: str, command: str) -> None:
    change(without, f"drop {'macro table' if view in views.MACROS else 'view'} spend.{view}")

    answer = told(without, command)

    assert answer[0] == "2"
    assert is_refused(answer)
    assert view in answer


@pytest.mark.parametrize("table", LOADED)
def test_a_table_that_is_gone_is_told_and_not_taken_for_an_empty_one(without: Path, table: str) -> None:
    change(without, f"drop table ai_gateway_billing.{table}")

    for command in ("status", "check", "daily"):
        answer = told(without, command)

        assert answer.startswith(f"1 Error: {without} has lost what was loaded: {table}. Run `aig-billing load`")


@pytest.mark.parametrize(
    "column",
    [
        "usage_hourly.aggregated_value",
        "usage_daily.start_time",
        "usage_coverage.read_until",
        "invoices.amount_due",
        "invoice_preview__invoice_lines.amount",
        "credit_balance.balance",
        "load_status.last_success_at",
        "quarantine.field",
        "unknown_fields.first_seen_at",
        "budgets.amount",
    ],
)
def test_a_column_that_is_missing_is_told_by_whoever_needs_it(without: Path, column: str) -> None:
    table, _, name = column.partition(".")
    with duckdb.connect(str(without), read_only=True) as connection:
        assert connection.execute(f"describe ai_gateway_billing.{table}").fetchall()
    change(without, f'alter table ai_gateway_billing.{table} drop column "{name}"')

    answer = told(without, "check")

    assert is_refused(answer)
    assert name in answer


@pytest.mark.parametrize(
    ("changed", "sql"),
    [
        ("drop table ai_gateway_billing.budgets", "from ai_gateway_billing.budgets"),
        ("create or replace view spend.accounts as select 1 as account_id", "select is_gone from spend.accounts"),
        ("alter table ai_gateway_billing.load_status drop column last_listed_at", "from spend.accounts"),
    ],
)
def test_sql_of_somebody_that_needs_what_an_older_version_lacked_asks_for_a_load(
    without: Path, changed: str, sql: str
) -> None:
    change(without, changed)

    assert is_refused(told(without, f'query "{sql}"'))


@pytest.mark.parametrize(
    "sql", ["select acount_id from spend.monthly", "from spend.dayly", "from mine, spend.daily", "selct 1"]
)
def test_a_mistake_of_somebody_is_no_other_version(published: Path, sql: str) -> None:
    answer = told(published, f'query "{sql}"')

    assert answer[0] == "2"
    assert not is_refused(answer)


def test_what_was_never_loaded_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = str(tmp_path / "billing.duckdb")
    with serving(monkeypatch, ACCOUNT):
        assert aig("load", "--only", "invoices", "--database", database).code == 0

    for command in ("status", "check", "daily", "invoices"):
        assert aig(command, "--database", database).code in (0, int(command == "check"))


def test_a_database_of_somebody_else_is_said_to_contain_no_billing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change(tmp_path / "other.duckdb", "create table mine as select 1")

    for command in sorted(set(reading_commands()) - {"query"}):
        if command != "report":
            answer = told(tmp_path / "other.duckdb", command)
            assert answer[0] == "2"
            assert "contains no " in answer
            assert "`aig-billing load`" in answer


@pytest.mark.slow
def test_the_next_load_renews_it(published: Path, without: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(f"{published}.load", f"{without}.load")
    change(without, "drop schema spend cascade", "drop table ai_gateway_billing.budgets")

    with serving(monkeypatch, ACCOUNT):
        assert aig("load", "--database", str(without)).code == 0

    assert {told(without, command)[0] for command in OF_VIEWS if command not in ("check", "report")} == {"0"}
