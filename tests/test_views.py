"""Every view of `spend`: by example, by what must hold for any data, and against a recomputation without SQL.

An example is a folder `views/<view>/<case>/`: raw tables as CSV, `expect.csv` with the columns that matter and, in its
comments, why each number is right, and `query.sql` where it is not the whole view that is asked for.
"""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from raw_tables import database

CASES = Path(__file__).parent / "views"
ZONES = ("UTC", "Asia/Kolkata", "America/Los_Angeles")

Rows = list[tuple[object, ...]]


def cases() -> list[Path]:
    """All folders that hold an expectation."""
    return sorted(path.parent for path in CASES.glob("*/*/expect.csv"))


def table(path: Path) -> list[dict[str, str | None]]:
    """A CSV file without its comments; an empty field is NULL."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]


def unit(case: Path) -> str:
    """The setting that a case runs with."""
    return "dollars" if "# unit: dollars\n" in (case / "expect.csv").read_text("utf-8") else "cents"


def expected(connection: duckdb.DuckDBPyConnection, query: str, rows: list[dict[str, str | None]]) -> Rows:
    """The expected rows in the types that the query has."""
    types = {name: kind for name, kind, *_ in connection.execute(f"describe {query}").fetchall()}
    casts = ", ".join(f"${n}::{types[name]}" for n, name in enumerate(rows[0], start=1))
    return [connection.execute(f"select {casts}", list(row.values())).fetchall()[0] for row in rows]


def in_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: [(value is not None, str(value)) for value in row])


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}-{case.name}")
def test_example_comes_out_as_explained_in_every_time_zone(case: Path, tmp_path: Path) -> None:
    view, rows = case.parent.name, table(case / "expect.csv")
    inputs = {path.stem: table(path) for path in case.glob("*.csv") if path.stem != "expect"}
    asked = (case / "query.sql").read_text("utf-8") if (case / "query.sql").exists() else f"from spend.{view}"

    with database(tmp_path, usage_unit=unit(case), **inputs) as connection:
        for zone in ZONES:
            connection.execute(f"set timezone = '{zone}'")
            query = f"select {', '.join(rows[0])} from ({asked})"
            wanted = expected(connection, query, rows)

            assert in_order(connection.execute(query).fetchall()) == in_order(wanted), zone
