"""`aig-billing export focus`: the file is the view, row by row and digit by digit, or it is not there."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import BillingError, SettingsError
from ai_gateway_billing_pipeline.database.scope import Days
from ai_gateway_billing_pipeline.exporting import exports, writers
from ai_gateway_billing_pipeline.settings import Store
from support.command import Ran, aig, run_python
from support.constants import OTHER
from support.raw_tables import database, invoice, machine_in, used

DATABASE = Path("billing.duckdb")
FORMATS = ("parquet", "csv", "json", "jsonl", "xlsx")
DAYS = [f"2026-11-{day:02}" for day in range(1, 6)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database: five days of usage, four invoices, two accounts, two currencies."""
    folder = tmp_path_factory.mktemp("loaded")
    database(
        folder,
        usage_daily=[*(used(day, "100.123456789012345678") for day in DAYS), used(DAYS[0], "7", OTHER)],
        invoices=[
            invoice("2026-11-02T23:59:59", due="5250"),
            invoice("2026-11-03", "open", "1050"),
            invoice("2026-11-04", due="500", account_id=OTHER, currency="jpy", description='Credits, "big"'),
            invoice(None, due="1"),
        ],
    ).close()
    return (folder / DATABASE).read_bytes()


@pytest.fixture(autouse=True)
def loaded(file: bytes) -> None:
    """The working folder has it."""
    DATABASE.write_bytes(file)


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        return connection.execute(query, list(values)).fetchall()


def in_view(first: str, after: str) -> list[tuple[Any, ...]]:
    """The view's rows whose charge period starts in this half-open range."""
    within = "ChargePeriodStart >= $1::timestamptz and ChargePeriodStart < $2::timestamptz"
    return rows(f"from spend.focus where {within} order by all", first, after)


def in_parquet(path: Path) -> list[tuple[Any, ...]]:
    return rows(f"from '{path}' order by all")


def files() -> Iterator[str]:
    return (path.name for path in Path().iterdir() if not path.name.startswith("billing.duckdb"))


def refused(ran: Ran) -> str:
    """What a command said that found something wrong with its options and left nothing behind."""
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err
    return ran.err


# --- what is in the file ---------------------------------------------------------------------------------------------


def test_parquet_holds_the_view_with_its_types() -> None:
    exports.write(Store(DATABASE), "focus", Path("all.parquet"), "parquet")

    assert in_parquet(Path("all.parquet")) == in_view("2000-01-01", "2100-01-01")
    assert [row[:2] for row in rows("describe from 'all.parquet'")] == [row[:2] for row in rows("describe spend.focus")]


def test_csv_holds_the_view_in_the_forms_of_focus() -> None:
    """Exact plain numbers, instants with a Z, nothing for null."""
    exports.write(Store(DATABASE), "focus", Path("all.csv"), "csv")
    with Path("all.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))

    view = rows("select * from spend.focus")
    names = [name for name, *_ in rows("describe spend.focus")]
    assert (len(found), list(found[0])) == (len(view), names)
    assert sum(Decimal(row["EffectiveCost"]) for row in found) == sum(row[names.index("EffectiveCost")] for row in view)
    assert {row["ChargePeriodStart"] for row in found} == {f"{day}T00:00:00Z" for day in DAYS}
    assert {row["ChargeClass"] for row in found} == {""}
    assert {'Credits, "big"', "AI Gateway credits"} < {row["ChargeDescription"] for row in found}
    assert not any("e" in row["BilledCost"].lower() for row in found)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_database_gives_the_same_bytes(kind: str) -> None:
    for name in ("one", "two"):
        exports.write(Store(DATABASE), "focus", Path(name), kind)

    assert Path("one").read_bytes() == Path("two").read_bytes()


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles"])
def test_the_machines_time_zone_changes_no_byte(zone: str) -> None:
    days = Days(date(2026, 11, 2), date(2026, 11, 3))
    exports.write(Store(DATABASE), "focus", Path("utc.csv"), "csv", days=days)

    with machine_in(zone):
        exports.write(Store(DATABASE), "focus", Path("zone.csv"), "csv", days=days)

    assert Path("zone.csv").read_bytes() == Path("utc.csv").read_bytes()


# --- which days ------------------------------------------------------------------------------------------------------


def test_both_days_are_included() -> None:
    exports.write(
        Store(DATABASE), "focus", Path("two.parquet"), "parquet", days=Days(date(2026, 11, 2), date(2026, 11, 3))
    )

    found = in_parquet(Path("two.parquet"))
    assert found == in_view("2026-11-02", "2026-11-04")
    assert len(found) == 4  # two days of usage, two invoices


def test_adjacent_exports_neither_lose_nor_double_a_charge() -> None:
    exports.write(Store(DATABASE), "focus", Path("before.parquet"), "parquet", days=Days(last=date(2026, 11, 2)))
    exports.write(Store(DATABASE), "focus", Path("after.parquet"), "parquet", days=Days(date(2026, 11, 3)))

    together = in_parquet(Path("before.parquet")) + in_parquet(Path("after.parquet"))
    assert sorted(map(repr, together)) == sorted(map(repr, in_view("2000-01-01", "2100-01-01")))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_range_without_charges_gives_a_file_without_rows_and_says_so(kind: str) -> None:
    ran = aig("export", "focus", "--from", "2030-01-01", "--to", "2030-01-31", "--format", kind)

    path = Path(f"focus_2030-01-01_2030-01-31.{kind}")
    assert ran.code == 0
    assert ran.out.startswith("No charges, from 2030-01-01 to 2030-01-31")
    assert path.exists()
    if kind in ("parquet", "csv"):
        assert rows(f"select count(*), count(distinct BilledCost) from '{path}'") == [(0, 0)]


def test_dates_at_the_end_of_time_are_no_trouble() -> None:
    days = Days(date.min, date.max)

    assert exports.write(Store(DATABASE), "focus", Path("all.csv"), "csv", days=days).rows == len(
        rows("from spend.focus")
    )


# --- the file itself -------------------------------------------------------------------------------------------------


def test_a_file_that_exists_is_replaced_only_by_force() -> None:
    Path("mine.csv").write_text("precious")

    message = refused(aig("export", "focus", "--output", "mine.csv"))

    assert "--force" in message
    assert Path("mine.csv").read_text() == "precious"
    assert aig("export", "focus", "--output", "mine.csv", "--force").code == 0
    assert Path("mine.csv").read_text().startswith("BilledCost,")


def test_a_failure_leaves_the_old_file_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the file never finds half of it."""

    def half(connection: object, selection: object, path: Path, kind: object) -> None:
        path.write_text("half")
        raise BillingError("no space left")

    Path("mine.csv").write_text("whole")
    monkeypatch.setattr(writers, "copy", half)

    with pytest.raises(BillingError, match="no space"):
        exports.write(Store(DATABASE), "focus", Path("mine.csv"), "csv", force=True)

    assert Path("mine.csv").read_text() == "whole"
    assert list(files()) == ["mine.csv"]


def test_a_name_with_quotes_and_braces_is_only_a_name() -> None:
    name = "it's {uuid} 100%.csv"
    exports.write(Store(DATABASE), "focus", Path(name), "csv")

    assert list(files()) == [name]


@pytest.mark.parametrize("output", ["missing/file.csv", ".", "plain/file.csv"])
def test_a_place_that_cannot_hold_the_file_is_refused(output: str) -> None:
    Path("plain").write_text("a file, no folder")

    assert output in refused(aig("export", "focus", "--output", output))
    assert list(files()) == ["plain"]


def test_the_database_is_never_the_output() -> None:
    before = DATABASE.read_bytes()
    Path("link.parquet").symlink_to(DATABASE)

    for output in ("billing.duckdb", "link.parquet"):
        assert "database itself" in refused(aig("export", "focus", "--output", output, "--force"))
    assert DATABASE.read_bytes() == before


def test_others_may_read_the_database_meanwhile() -> None:
    with duckdb.connect(str(DATABASE), read_only=True):
        assert aig("export", "focus").code == 0


# --- the command -----------------------------------------------------------------------------------------------------


def test_json_tells_what_was_written() -> None:
    ran = aig("export", "focus", "--from", "2026-11-02", "--to", "2026-11-04", "--json")

    assert ran.code == 0
    assert ran.json == {
        "output": "focus_2026-11-02_2026-11-04.parquet",
        "format": "parquet",
        "from": "2026-11-02",
        "to": "2026-11-04",
        "rows": 6,
        "rows_not_final": 4,
        "billed_cost": {"JPY": 500, "USD": 63},
        "effective_cost": {"JPY": 0, "USD": 3.0037037037},
        "undated_invoices": 1,
        "usage_unit": "cents",
    }
    assert '"USD": 3.0037037037}' in ran.out


def test_a_person_is_told_the_sums_and_what_they_rest_on() -> None:
    ran = aig("export", "focus", "--output", "all.csv")

    assert ran.code == 0
    assert "9 charges, all days, are in all.csv" in ran.out
    assert "63" in ran.out
    assert "taken as cents" in ran.err
    assert "AIG_BILLING_USAGE_UNIT" in ran.err
    assert "1 invoices without a date" in ran.err


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ([], "focus.parquet"),
        (["--format", "csv"], "focus.csv"),
        (["--from", "2026-11-02"], "focus_from_2026-11-02.parquet"),
        (["--to", "2026-11-02", "--format", "csv"], "focus_to_2026-11-02.csv"),
        (["--from", "2026-11-02", "--to", "2026-11-02"], "focus_2026-11-02_2026-11-02.parquet"),
    ],
)
def test_the_file_is_named_after_what_it_holds(options: list[str], path: str) -> None:
    assert aig("export", "focus", *options).code == 0
    assert list(files()) == [path]


def test_the_format_follows_the_name_unless_it_is_said() -> None:
    aig("export", "focus", "--output", "a.CSV")
    aig("export", "focus", "--output", "b", "--format", "csv")
    aig("export", "focus", "--output", "c")

    assert Path("a.CSV").read_bytes()[:4] == b"Bill"
    assert Path("b").read_bytes()[:4] == b"Bill"
    assert Path("c").read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--from", "2026-11-03", "--to", "2026-11-02"], "earlier day first"),
        (["--from", "yesterday"], "YYYY-MM-DD"),
        (["--format", "ods"], "xlsx"),
        (["--database", "missing.duckdb"], "missing.duckdb"),
    ],
)
def test_wrong_options_are_explained(options: list[str], word: str) -> None:
    assert word in refused(aig("export", "focus", *options))
    assert list(files()) == []


def test_a_database_without_views_asks_for_a_load() -> None:
    duckdb.connect("empty.duckdb").close()

    with pytest.raises(SettingsError, match="aig-billing load"):
        exports.write(Store(Path("empty.duckdb")), "focus", Path("all.csv"), "csv")


def test_the_view_has_to_be_named() -> None:
    assert "Missing argument" in refused(aig("export"))


def test_help_answers_without_opening_a_database_library() -> None:
    code = """
import sys
from ai_gateway_billing_pipeline.cli import main
try:
    main(["export", "focus", "--help"])
finally:
    print("imported:", {"duckdb", "dlt", "pyarrow"} & set(sys.modules))
"""
    ran = run_python(code)

    assert ran.code == 0
    assert "--from" in ran.out
    assert "imported: set()" in ran.out
