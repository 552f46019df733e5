"""Arrow tables that match the column hints."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from . import unknown
from .fields import Columns

TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "bigint": pa.int64(),
    "decimal": pa.decimal128(38, 18),
}
"""Arrow's types, by dlt's name for each."""

BATCH_ROWS = 5_000


def schema_of(columns: Columns) -> pa.Schema:
    """The Arrow schema of the hinted columns."""
    return pa.schema(
        [pa.field(name, TYPES[hint["data_type"]], nullable=hint["nullable"]) for name, hint in columns.items()]
    )


def table(rows: list[dict[str, Any]], columns: Columns) -> pa.Table:
    """Rows as an Arrow table of just the hinted columns."""
    return pa.Table.from_pylist(rows, schema=schema_of(columns))


def not_hinted(data: pa.Table, columns: Columns) -> dict[str, str]:
    """The table's columns that are not hinted, with their types by dlt's names."""
    names = {arrow_type: name for name, arrow_type in TYPES.items()}
    return {field.name: names[field.type] for field in data.schema if field.name not in columns}


def open_table(rows: list[dict[str, Any]], columns: Columns, seen_types: dict[str, str]) -> pa.Table:
    """Rows as an Arrow table of the hinted columns and of every other field."""
    data = append(table(rows, columns), unknown.typed(rows, columns, include_sensitive=True))
    return settle(data, columns, seen_types)


def append(data: pa.Table, more: dict[str, list[Any]]) -> pa.Table:
    """The table with more columns; those that are shorter than it end in NULLs."""
    for name, cells in more.items():
        padding = [None] * (data.num_rows - len(cells))
        data = data.append_column(name, pa.array(cells + padding, TYPES[unknown.column_type(cells)]))
    return data


def settle(data: pa.Table, columns: Columns, seen_types: dict[str, str]) -> pa.Table:
    """Rename unknown columns whose type is not the one they had at first, as dlt does with variants of dict rows.

    `seen_types` remembers that first type and is added to.
    """
    names = []
    kinds = not_hinted(data, columns)
    for name in data.column_names:
        fits = name not in kinds or seen_types.setdefault(name, kinds[name]) == kinds[name]
        names.append(name if fits else f"{name}__v_{kinds[name]}")
    return data.rename_columns(names) if kinds else data


def batches(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The tables joined to larger ones of at least `BATCH_ROWS` rows, but for the last one.

    dlt looks at the hints once for each table, which takes longer than a small one itself.
    """
    waiting: list[pa.Table] = []
    rows = 0
    for each in tables:
        waiting.append(each)
        rows += each.num_rows
        if rows >= BATCH_ROWS:
            yield join(waiting)
            waiting, rows = [], 0
    if waiting:
        yield join(waiting)


def join(tables: Sequence[pa.Table]) -> pa.Table:
    """One table of all rows; a column that a table lacks is NULL there."""
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def worth_loading(tables: Iterable[pa.Table], columns: Columns, is_made: bool) -> Iterator[pa.Table]:
    """The tables that have rows, or an empty one where the table in the database is not made yet.

    dlt's own mark for that makes it with a column `_dlt_load_id` that Arrow rows lack and that must not be NULL: no
    later load could write to it.
    """
    for each in tables:
        if each.num_rows or not is_made:
            is_made = True
            yield each
    if not is_made:
        yield table([], columns)
