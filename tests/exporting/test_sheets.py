"""A sheet holds what the view does: numbers where a spreadsheet keeps them, text where it would round or run it."""

from __future__ import annotations

import re
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.exporting import sheets
from ai_gateway_billing_pipeline.exporting.selection import select

NAMESPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def cells(connection: duckdb.DuckDBPyConnection, *values: str) -> list[tuple[str, str]]:
    """Kind and content of the cells of column `v`, below its name, of a view with these values."""
    union = " union all ".join(f"select {n} as n, {value} as v" for n, value in enumerate(values))
    connection.execute(f"create or replace view spend.some as {union}")
    sheets.write(connection, select(connection, "some"), Path("some.xlsx"))
    with zipfile.ZipFile("some.xlsx") as book:
        root = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    found = root.findall(".//m:c", NAMESPACE)
    own = [cell for cell in found if re.fullmatch(r"B([2-9]|\d\d+)", cell.get("r", ""))]
    assert not root.findall(".//m:f", NAMESPACE), "a formula"
    return [(cell.get("t", "n"), "".join(cell.itertext())) for cell in own]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "{=1}", "https://example.com", "x\x07y", "名前"]
)
def test_text_is_text(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    ((kind, content),) = cells(connection, f"'{text}'")

    assert kind == "inlineStr"
    assert content.replace("_x0007_", "\x07") == text


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("1.50::decimal(38, 10)", "1.5"),
        ("-12.25::decimal(38, 10)", "-12.25"),
        ("12345.0123456789::decimal(38, 10)", "12345.0123456789"),
        ("0.0000000001::decimal(38, 10)", "1E-10"),
        ("999999999999999::bigint", "999999999999999"),
        ("0::decimal(38, 10)", "0"),
    ],
)
def test_what_a_spreadsheet_keeps_is_a_number(connection: duckdb.DuckDBPyConnection, value: str, content: str) -> None:
    assert cells(connection, value) == [("n", content)]


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("1234567.0123456789::decimal(38, 10)", "1234567.0123456789"),
        ("9007199254740993::bigint", "9007199254740993"),
        ("-9999999999999999999999.5::decimal(38, 10)", "-9999999999999999999999.5"),
    ],
)
def test_a_column_in_which_one_number_would_be_rounded_is_text_as_a_whole(
    connection: duckdb.DuckDBPyConnection, value: str, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sum leaves text out: of some rows nobody would notice, of all one does."""
    kind = value.partition("::")[2]

    assert cells(connection, value, f"2::{kind}") == [("inlineStr", content), ("inlineStr", "2")]
    assert "Text, as a spreadsheet would round them: v." in capsys.readouterr().err


def test_times_are_utc_and_days_are_days(connection: duckdb.DuckDBPyConnection) -> None:
    since = datetime(1899, 12, 30, tzinfo=UTC)
    moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    ((kind, content),) = cells(connection, "timestamptz '2026-11-22 14:00:00+02'")
    assert (kind, float(content)) == ("n", (moment - since).total_seconds() / 86400)
    ((kind, content),) = cells(connection, "date '2026-11-22'")
    assert (kind, int(content)) == ("n", (date(2026, 11, 22) - since.date()).days)
    assert cells(connection, "date '0001-01-01'") == [("inlineStr", "0001-01-01")]
    assert cells(connection, "timestamptz 'infinity'")[0][0] in ("n", "inlineStr")


def test_other_values_are_what_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    assert cells(connection, "true", "false") == [("b", "1"), ("b", "0")]
    assert cells(connection, "null::varchar", "'x'") == [("inlineStr", "x")]
    assert cells(connection, "[1.50::decimal(4, 2)]") == [("inlineStr", "[1.5]")]
    assert cells(connection, "{'a': 'b'}") == [("inlineStr", '{"a": "b"}')]
    assert cells(connection, "'nan'::double", "0.5::double") == [("inlineStr", "nan"), ("n", "0.5")]


def test_more_rows_than_a_sheet_holds_are_refused(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create view spend.many as select range as n from range(1048576)")

    with pytest.raises(SettingsError, match=r"spend\.many has 1,048,576 rows, and a sheet holds 1,048,575\."):
        sheets.write(connection, select(connection, "many"), Path("many.xlsx"))


def test_a_text_that_is_too_long_for_a_cell_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SettingsError, match="A text of 32,768 characters is in row 1"):
        cells(connection, "repeat('x', 32768)")


def test_without_the_library_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "find_spec", lambda _: None)

    with pytest.raises(SettingsError, match=r"pip install '\.\[xlsx\]'"):
        sheets.require()
