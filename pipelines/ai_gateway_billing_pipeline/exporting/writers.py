"""How rows are written: by DuckDB itself, and for spreadsheets by XlsxWriter."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing_pipeline.database import quoting
from ai_gateway_billing_pipeline.terminal.values import FORMULA, PLAIN_NAME

from . import sheets
from .formats import Format
from .selection import ROWS, Field, Selection

_INSTANT = "timestampformat '%Y-%m-%dT%H:%M:%S.%fZ'"
_OPTIONS: Mapping[str, str] = {
    "parquet": "format parquet",
    "csv": f"format csv, header true, {_INSTANT}",
    "json": f"format json, array true, {_INSTANT}",
    "jsonl": f"format json, {_INSTANT}",
}
_FOCUS = "format csv, header true, timestampformat '%Y-%m-%dT%H:%M:%SZ'"
"""As FOCUS spells instants, which all are whole hours in it."""


def copy(connection: duckdb.DuckDBPyConnection, selection: Selection, path: Path, kind: str) -> None:
    """Write the rows into the file, in which texts are no formulas. Decimals keep every digit; times are UTC.

    Raises `SettingsError` for what no sheet can hold, and `BillingError` when the file cannot be written.
    """
    if kind == Format.XLSX:
        sheets.write(connection, selection, path)
        return
    rows = _flat(selection) if kind == Format.CSV else ROWS
    options = _FOCUS if (kind, selection.view) == (Format.CSV, "focus") else _OPTIONS[kind]
    try:
        connection.execute(f"copy {rows} to {quoting.text(str(path))} ({options}, use_tmp_file false)")
    except duckdb.IOException as error:
        raise BillingError(f"The file could not be written: {error}") from error


def _flat(selection: Selection) -> str:
    """The rows for a CSV file, which people open in spreadsheets: texts as `values.no_formula` gives them."""
    cells = [_cell(field) for field in selection.fields if field.kind == "VARCHAR" or field.is_nested]
    replaced = f"select * replace ({', '.join(cells)})" if cells else "select *"
    return f"({replaced} from {ROWS})"


def _cell(field: Field) -> str:
    """What is nested becomes JSON."""
    text = f"to_json({field.quoted})::varchar" if field.is_nested else field.quoted
    return (
        f"case when regexp_full_match({text}, '{FORMULA}') and not regexp_full_match({text}, '{PLAIN_NAME}') "
        f"then chr(39) || {text} else {text} end as {field.quoted}"
    )
