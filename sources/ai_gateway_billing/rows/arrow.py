"""Arrow tables that match the column hints.

Columns are made from buffers: `pa.array` of Python objects would import pandas wherever it is installed, which takes
longer than many a load, and asks each value for its type.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import accumulate
from typing import Any

import pyarrow as pa

from . import unknown as extras
from . import values
from .tables import Columns

_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "bool": pa.bool_(),
    "bigint": pa.int64(),
    "decimal": pa.decimal128(38, 18),
}


BATCH_ROWS = 5_000
_UNIX_DAY = date(1970, 1, 1).toordinal()


def column(kind: str, cells: Sequence[Any]) -> pa.Array:
    """Values of one type, by dlt's name for it, None being NULL. Decimals have at most 18 places."""
    present = [cell is not None for cell in cells]
    if not any(present):
        return pa.nulls(len(cells), _TYPES[kind])
    encode, nothing = _ENCODERS[kind]
    if all(present):
        return _array(kind, len(cells), [None, *encode(cells)])
    filled = [nothing if cell is None else cell for cell in cells]
    return _array(kind, len(cells), [_bits(present), *encode(filled)])


def times(milliseconds: Iterable[int]) -> pa.Array:
    """A column of times, from Unix milliseconds."""
    microseconds = array("q", [1_000 * each for each in milliseconds])
    return _array("timestamp", len(microseconds), [None, microseconds])


def decimals(units: Sequence[int]) -> pa.Array:
    """A column of decimals, from whole numbers of 10^-18."""
    return _array("decimal", len(units), [None, _int128(units)])


def _array(kind: str, length: int, buffers: list[Any]) -> pa.Array:
    return pa.Array.from_buffers(_TYPES[kind], length, [None if b is None else pa.py_buffer(b) for b in buffers])


def _text(cells: Sequence[str]) -> list[Any]:
    encoded = [cell.encode() for cell in cells]
    return [array("i", accumulate(map(len, encoded), initial=0)), b"".join(encoded)]


def _bits(flags: Sequence[bool]) -> bytes:
    """One bit each, the first one lowest."""
    digits = "".join("1" if flag else "0" for flag in reversed(flags))
    return int(digits or "0", 2).to_bytes(len(flags) // 8 + 1, "little")


def _int128(units: Iterable[int]) -> bytes:
    return b"".join([unit.to_bytes(16, "little", signed=True) for unit in units])


_ENCODERS: dict[str, tuple[Callable[[Any], list[Any]], Any]] = {
    "text": (_text, ""),
    "timestamp": (lambda cells: [array("q", [values.microseconds(cell) for cell in cells])], values.EPOCH),
    "date": (lambda cells: [array("i", [cell.toordinal() - _UNIX_DAY for cell in cells])], values.EPOCH),
    "bool": (lambda cells: [_bits(cells)], False),
    "bigint": (lambda cells: [array("q", cells)], 0),
    "decimal": (lambda cells: [_int128(values.units(cells))], 0),
}
"""The buffers of a column without NULLs, and what stands in the place of a NULL."""


def schema_of(columns: Columns) -> pa.Schema:
    """The Arrow schema of the hinted columns."""
    return pa.schema(
        [pa.field(name, _TYPES[hint["data_type"]], nullable=hint["nullable"]) for name, hint in columns.items()]
    )


def table(rows: list[dict[str, Any]], columns: Columns) -> pa.Table:
    """Rows as an Arrow table of just the hinted columns."""
    cells = [column(hint["data_type"], [row.get(name) for row in rows]) for name, hint in columns.items()]
    return pa.Table.from_arrays(cells, schema=schema_of(columns))


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
    for name, cells in more.items():
        padding = [None] * (data.num_rows - len(cells))
        data = data.append_column(name, column(extras.column_type(cells), cells + padding))
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


def at_least_one(tables: Iterable[pa.Table], columns: Columns) -> Iterator[pa.Table]:
    """The tables, or an empty one, so that dlt makes the table in the database.

    dlt's own mark for that makes it with a column `_dlt_load_id` that Arrow rows lack and that must not be NULL: no
    later load could write to it.
    """
    found = False
    for each in tables:
        found = True
        yield each
    if not found:
        yield table([], columns)
