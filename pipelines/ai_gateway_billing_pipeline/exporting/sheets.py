"""A spreadsheet of one sheet, by XlsxWriter. A sheet knows neither exact decimals nor time zones.

- A column of decimals or of large numbers is written as numbers when each has at most 15 digits, which is what a
  spreadsheet keeps. Otherwise the whole column is text, so that no digit is lost and no sum silently leaves some out.
- Times are UTC, without a zone, and shown to the second.
- Text is text, also when it begins like a formula; what is nested is JSON.
"""

import logging
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import duckdb

from ai_gateway_billing.errors import BillingError, SettingsError
from ai_gateway_billing_pipeline.terminal import logs
from ai_gateway_billing_pipeline.terminal.values import FORMULA, iso, plain, to_json

from .selection import ROWS, Field, Selection

LARGEST = 1_048_575
"""Of a sheet, beside the one with the names."""
_TEXT = 32_767
_DIGITS = 15
_OLDEST = date(1900, 3, 1)  # before, spreadsheets do not agree which day a number is
_FETCHED = 10_000
MISSING = (
    "A spreadsheet needs the extra `xlsx`, which a plain install leaves out. In the folder of this project, run: "
    "pip install '.[xlsx]'"
)


def require() -> None:
    """Raises `SettingsError` where the library is not installed."""
    if find_spec("xlsxwriter") is None:
        raise SettingsError(MISSING)


def write(connection: duckdb.DuckDBPyConnection, selection: Selection, path: Path) -> None:
    """Write the rows as a sheet. Raises `SettingsError` for more than it holds, `BillingError` when it cannot be."""
    require()
    import xlsxwriter  # noqa: PLC0415 - of an extra
    from xlsxwriter.exceptions import XlsxWriterException  # noqa: PLC0415

    if selection.rows > LARGEST:
        raise SettingsError(
            f"spend.{selection.view} has {selection.rows:,} rows, and a sheet holds {LARGEST:,}. "
            "Choose fewer with --from and --to, or --format csv or parquet."
        )
    as_text = _too_exact(connection, selection)
    if as_text:
        logs.tell(f"Text, as a spreadsheet would round them: {', '.join(sorted(as_text))}.", logging.WARNING)
    rows = connection.execute(f"from {ROWS}")
    try:
        with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
            book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001 - the same rows are the same bytes
            _fill(book, selection, iter(lambda: rows.fetchmany(_FETCHED), []), as_text)
    except (XlsxWriterException, OSError) as error:
        raise BillingError(f"The file could not be written: {error}") from error


def _too_exact(connection: duckdb.DuckDBPyConnection, selection: Selection) -> set[str]:
    """The columns of numbers of which one has more digits than a spreadsheet keeps."""
    exact = [field for field in selection.fields if field.kind.startswith(("DECIMAL", "BIGINT", "HUGEINT", "UBIGINT"))]
    if not exact:
        return set()
    longest = ", ".join(f"max({_digits(field)})" for field in exact)
    ((*found,),) = connection.execute(f"select {longest} from {ROWS}").fetchall()  # noqa: S608 - names of columns
    return {field.name for field, digits in zip(exact, found, strict=True) if (digits or 0) > _DIGITS}


def _digits(field: Field) -> str:
    """How many there are from the first that is not 0 to the last."""
    text = f"{field.quoted}::varchar"
    whole = rf"case when contains({text}, '.') then rtrim({text}, '0') else {text} end"
    return rf"length(ltrim(regexp_replace({whole}, '[^0-9]', '', 'g'), '0'))"


def _fill(book: Any, selection: Selection, blocks: Iterable[list[tuple[Any, ...]]], as_text: set[str]) -> None:
    sheet = book.add_worksheet(re.sub(r"[^A-Za-z0-9_]", "_", selection.view)[:31])
    bold = book.add_format({"bold": True})
    for position, field in enumerate(selection.fields):
        sheet.write_string(0, position, field.name, bold)
        sheet.set_column(position, position, max(10, min(len(field.name) + 2, 30)))
    sheet.freeze_panes(1, 0)
    put = _Cells(book, sheet).put
    exact = [field.name in as_text for field in selection.fields]
    number = 0
    for block in blocks:
        for row in block:
            number += 1
            for position, value in enumerate(row):
                put(number, position, value, exact[position])


class _Cells:
    """Writes one value as what it is."""

    def __init__(self, book: Any, sheet: Any) -> None:
        self._sheet = sheet
        self._day = book.add_format({"num_format": "yyyy-mm-dd"})
        self._instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._quoted = book.add_format({"quote_prefix": True})  # stays text when somebody edits the cell

    def put(self, row: int, column: int, value: Any, is_text: bool) -> None:
        if isinstance(value, bool):
            self._sheet.write_boolean(row, column, value)
        elif isinstance(value, (int, float, Decimal)) and isfinite(value) and not is_text:
            self._sheet.write_number(row, column, float(value))
        elif isinstance(value, date) and _day(value) >= _OLDEST:
            self._moment(row, column, value)
        elif value is not None:
            self._text(row, column, _words(value))

    def _moment(self, row: int, column: int, value: date) -> None:
        if isinstance(value, datetime):
            utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            self._sheet.write_datetime(row, column, utc, self._instant)
        else:
            self._sheet.write_datetime(row, column, value, self._day)

    def _text(self, row: int, column: int, text: str) -> None:
        if len(text) > _TEXT:
            raise SettingsError(
                f"A text of {len(text):,} characters is in row {row:,}, and a cell of a sheet holds {_TEXT:,}. "
                "Choose --format csv or parquet."
            )
        style = self._quoted if re.fullmatch(FORMULA, text) else None
        self._sheet.write_string(row, column, text, style)


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value


def _words(value: object) -> str:
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return iso(value)
        case list() | tuple() | dict():
            return to_json(value)
    return str(value)
