"""How rows are written: exact, in UTC, and with no text in a CSV file that a spreadsheet would run."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing_pipeline.exporting.selection import select
from ai_gateway_billing_pipeline.exporting.writers import copy

EXACT = "1234567890123456789012345678.0123456789"


def written(connection: duckdb.DuckDBPyConnection, kind: str, rows: str, view: str = "some") -> str:
    """The text of the file with the rows of a view, which are SQL."""
    connection.execute(f"create or replace view spend.{view} as {rows}")
    copy(connection, select(connection, view), Path("file"), kind)
    return Path("file").read_text("utf-8")


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_texts_hold_every_digit_and_utc_to_the_microsecond(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    rows = f"select {EXACT}::decimal(38, 10) as n, timestamptz '2026-11-22 10:30:00.000001+05:30' as t, null as x"

    text = written(connection, kind, rows)

    assert EXACT in text
    assert "2026-11-22T05:00:00.000001Z" in text


def test_json_is_one_array_and_jsonl_an_object_a_line(connection: duckdb.DuckDBPyConnection) -> None:
    rows = "select n::decimal(9, 2) as n, ['a', 'b'] as list from range(2) as t(n)"
    objects = [{"n": Decimal(f"{n}.00"), "list": ["a", "b"]} for n in range(2)]

    assert json.loads(written(connection, "json", rows), parse_float=Decimal) == objects
    lines = written(connection, "jsonl", rows).splitlines()
    assert [json.loads(line, parse_float=Decimal) for line in lines] == objects


def test_parquet_keeps_the_types(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create view spend.some as select 1.5::decimal(38, 10) as n, timestamptz '2026-11-22' as t")
    copy(connection, select(connection, "some"), Path("some.parquet"), "parquet")

    described = connection.execute("describe from 'some.parquet'").fetchall()
    assert [kind for _, kind, *_ in described] == ["DECIMAL(38,10)", "TIMESTAMP WITH TIME ZONE"]


def test_focus_spells_instants_to_the_second(connection: duckdb.DuckDBPyConnection) -> None:
    columns = ("BillingAccountId", "ChargePeriodStart", "ChargeCategory", "BillingCurrency", "InvoiceId")
    rows = "select " + ", ".join(f"timestamptz '2026-11-22' as {name}" for name in columns)

    assert written(connection, "csv", rows, "focus").splitlines()[1] == ",".join(["2026-11-22T00:00:00Z"] * 5)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("  =1", "'  =1"),
        ("@cf/meta/llama-3.1-8b", "@cf/meta/llama-3.1-8b"),
        ("-12.50", "-12.50"),
        ("a=b", "a=b"),
        ('größe, "x"\ny', 'größe, "x"\ny'),
    ],
)
def test_no_text_of_a_csv_file_is_a_formula(connection: duckdb.DuckDBPyConnection, text: str, cell: str) -> None:
    connection.execute("create table texts as select $1::varchar as words", [text])
    written(connection, "csv", "select words, [words] as list, -1.5::decimal(9, 2) as n from texts")

    with Path("file").open(newline="", encoding="utf-8") as opened:
        (row,) = csv.DictReader(opened)
    assert (row["words"], json.loads(row["list"]), row["n"]) == (cell, [text], "-1.50")


def test_a_path_may_have_a_quote_in_it(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create view spend.some as select 1 as one")
    copy(connection, select(connection, "some"), Path("it's.csv"), "csv")

    assert Path("it's.csv").read_text() == "one\n1\n"


def test_a_place_that_takes_no_file_is_told(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create view spend.some as select 1 as one")
    with pytest.raises(BillingError, match="The file could not be written"):
        copy(connection, select(connection, "some"), Path("no/folder/file"), "json")
