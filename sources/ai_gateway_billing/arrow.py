"""Arrow tables that match the column hints."""

from typing import Any

import pyarrow as pa

from . import extras
from .schema import Columns

_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "bigint": pa.int64(),
    "decimal": pa.decimal128(38, 18),
}


def schema_of(columns: Columns) -> pa.Schema:
    """The Arrow schema of the hinted columns."""
    return pa.schema(
        [pa.field(name, _TYPES[hint["data_type"]], nullable=hint["nullable"]) for name, hint in columns.items()]
    )


def table(rows: list[dict[str, Any]], columns: Columns) -> pa.Table:
    """Rows as an Arrow table of just the hinted columns."""
    return pa.Table.from_pylist(rows, schema=schema_of(columns))


def unknown(data: pa.Table, columns: Columns) -> dict[str, str]:
    """The table's columns that are not hinted, with their types by dlt's names."""
    names = {arrow_type: name for name, arrow_type in _TYPES.items()}
    return {field.name: names[field.type] for field in data.schema if field.name not in columns}


def open_table(rows: list[dict[str, Any]], columns: Columns, seen_types: dict[str, str]) -> pa.Table:
    """Rows as an Arrow table of the hinted columns and of every other field."""
    data = append(table(rows, columns), extras.typed(rows, columns, include_sensitive=True))
    return settle(data, columns, seen_types)


def append(data: pa.Table, more: dict[str, list[Any]]) -> pa.Table:
    """The table with more columns; those that are shorter than it end in NULLs."""
    for name, column in more.items():
        padding = [None] * (data.num_rows - len(column))
        data = data.append_column(name, pa.array(column + padding, type=_TYPES[extras.column_type(column)]))
    return data


def settle(data: pa.Table, columns: Columns, seen_types: dict[str, str]) -> pa.Table:
    """Rename unknown columns whose type is not the one they had at first, as dlt does with variants of dict rows.

    `seen_types` remembers that first type and is added to.
    """
    names = []
    kinds = unknown(data, columns)
    for name in data.column_names:
        fits = name not in kinds or seen_types.setdefault(name, kinds[name]) == kinds[name]
        names.append(name if fits else f"{name}__v_{kinds[name]}")
    return data.rename_columns(names) if kinds else data
