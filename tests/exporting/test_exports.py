"""`aig-billing export VIEW`: any view as any file, digit by digit, of the days and accounts that were asked for."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import read, views
from ai_gateway_billing_pipeline.exporting import selection, writers
from support.command import Ran, aig
from support.constants import ACCOUNT, OTHER
from support.raw_tables import database
from support.spending import two_accounts

VIEWS = [name for name in views.VIEWS if name not in views.MACROS]
FORMATS = ["parquet", "csv", "json", "jsonl", "xlsx"]
FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("loaded")
    two_accounts(folder).close()
    return (folder / "billing.duckdb").read_bytes()


@pytest.fixture(autouse=True)
def loaded(file: bytes) -> None:
    """The working folder has it."""
    Path("billing.duckdb").write_bytes(file)


def rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("billing.duckdb", read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query).fetchall()


def left() -> Iterator[str]:
    return (path.name for path in sorted(Path().iterdir()) if not path.name.startswith("billing.duckdb"))


def refused(ran: Ran) -> str:
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert list(left()) == []
    return ran.err


@pytest.mark.parametrize(
    "view", [pytest.param(v, marks=() if v in ("daily", "focus", "invoices") else pytest.mark.thorough) for v in VIEWS]
)
def test_every_view_is_the_same_rows_with_every_digit_in_a_file(view: str) -> None:
    with read.connect(Path("billing.duckdb")) as connection:
        selected = selection.select(connection, view)
        for kind in ("parquet", "json", "csv", "xlsx"):
            writers.copy(connection, selected, Path(f"{view}.{kind}"), kind)

    expected = rows(f"from spend.{view} order by all")
    names = [name for name, *_ in rows(f"describe spend.{view}")]
    assert rows(f"from '{view}.parquet' order by all") == expected
    objects = json.loads(Path(f"{view}.json").read_text("utf-8"), parse_float=Decimal)
    with Path(f"{view}.csv").open(newline="", encoding="utf-8") as opened:
        table = list(csv.reader(opened))
    assert [list(each) for each in objects] == [names] * len(expected)
    assert table[0] == names
    for place, name in enumerate(names):
        exact = sorted(row[place] for row in expected if isinstance(row[place], Decimal))
        if exact:
            assert sorted(Decimal(each[name]) for each in objects if each[name] is not None) == exact
            assert sorted(Decimal(row[place]) for row in table[1:] if row[place]) == exact


def test_times_are_utc_to_the_microsecond() -> None:
    aig("export", "balance", "--format", "jsonl")

    first = json.loads(Path("balance.jsonl").read_text().splitlines()[0])
    assert first["valid_from"] == "2026-11-20T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (["--from", "2026-11-21"], {21, 22}),
        (["--to", "2026-11-19"], {18, 19}),
        (["--from", "2026-11-19", "--to", "2026-11-21"], {19, 21}),
        (["--account", "Production"], {21, 22}),
        (["--account", OTHER, "--account", "Research", "--to", "2026-11-18"], {18}),
    ],
)
def test_days_and_accounts_choose_rows(options: list[str], days: set[int]) -> None:
    ran = aig("export", "daily", *options, "--output", "some.parquet")

    assert ran.code == 0
    assert {day.day for (day,) in rows("select day from 'some.parquet'")} == days


def test_focus_is_chosen_by_account_too() -> None:
    ran = aig("export", "focus", "--account", "Production", "--json")

    assert set(ran.json["effective_cost"]) == {"EUR"}
    assert rows("select distinct SubAccountName from 'focus.parquet'") == [("Production",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["nothing"],
            "There is no view nothing in schema spend. Choose one of: accounts, anomalies, attribution, balance,",
        ),
        (["daily_in"], "There is no view daily_in"),
        (["daily; drop schema spend"], "There is no view daily; drop schema spend"),
        ([""], "There is no view"),
        (["currencies", "--account", ACCOUNT], "spend.currencies has no accounts to choose by. Leave out --account."),
        (["accounts", "--from", "2026-11-01"], "spend.accounts has no time to choose by. Leave out --from and --to."),
        (["daily", "--account", "nobody"], "--account nobody: no such account."),
        (["daily", "--output", "a.csv", "--format", "json"], "ends in .csv"),
        (["daily", "--output", "billing.duckdb", "--force"], "database itself"),
    ],
)
def test_what_cannot_be_exported_is_explained(arguments: list[str], words: str) -> None:
    assert words in refused(aig("export", *arguments))


def test_a_view_may_be_named_with_its_schema_in_any_case() -> None:
    assert aig("export", "Spend.DAILY", "--json").json == {
        "view": "daily",
        "output": "daily.parquet",
        "format": "parquet",
        "from": None,
        "to": None,
        "rows": 6,
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_standard_output_takes_any_format(kind: str) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "ai_gateway_billing_pipeline", "export", "daily", "--output", "-"]
    done = subprocess.run([*command, "--format", kind], capture_output=True, check=True)

    begins = {"parquet": b"PAR1", "csv": b"account_id,", "json": b"[", "jsonl": b'{"account_id"', "xlsx": b"PK"}
    assert done.stdout.startswith(begins[kind])
    assert list(left()) == []


def test_an_empty_view_is_an_empty_file(tmp_path: Path) -> None:
    database(tmp_path).close()
    for kind in FORMATS:
        ran = aig("export", "daily", "--format", kind, "--database", str(tmp_path / "billing.duckdb"))
        assert (ran.code, ran.out) == (0, f"No rows of spend.daily, all days: daily.{kind} has no rows\n")

    assert json.loads(Path("daily.json").read_text()) == []
    assert Path("daily.csv").read_text().startswith("account_id,day,")
