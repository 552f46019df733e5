"""Snapshot rows on their way to dlt: what ends a version, how many rows there are, hints for unknown fields."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import dlt

from . import tables, unknown
from .fields import FLAG, MONEY, TEXT, Columns
from .identity import ADDED
from .records import Row

_HINTS: Columns = {kind.hint["data_type"]: kind.hint for kind in (MONEY, TEXT, FLAG)}


def hints(columns: Columns) -> Any:
    """The columns as dlt takes them, each with its name."""
    return {name: {"name": name, **hint} for name, hint in columns.items()}


def nested_hints(resource: str, more: Mapping[str, Columns] = MappingProxyType({})) -> Any:
    """The hints of all child tables as dlt takes them, with those for their unknown fields. None without children."""
    return {
        tuple(name.split("__")[1:]): dlt.mark.make_nested_hints(columns=hints(tables.TABLES[name] | more.get(name, {})))
        for name in tables.below(resource)
    } or None


def withdrawn(account_id: str, resource: str, now: datetime) -> Row:
    """The row that ends an account's version without starting another. Its other values are never stored.

    It has a row of each child table, never stored either: dlt makes only those tables that some row belongs to.
    """
    return {**_filled(resource, now), "account_id": account_id, "withdrawn": True}


def _filled(table: str, now: datetime) -> Row:
    """A row with something in every required column and one row in every child table."""
    fill = {"text": "", "decimal": 0, "timestamp": now, "bool": False}
    row: Row = {}
    for name, hint in tables.TABLES[table].items():
        *outer, inner = name.split("__")
        if not hint["nullable"]:
            (row.setdefault(outer[0], {}) if outer else row)[inner] = fill[hint["data_type"]]
    for child in tables.TABLES:
        parent, _, name = child.rpartition("__")
        if parent == table:
            row[name] = [_filled(child, now)]
    return row


def reaches_every_table(table: str, row: Row) -> bool:
    """Whether the snapshot has rows in all of its child tables."""
    return row_counts(table, row).keys() == {table, *tables.below(table)}


def batches(items: Iterable[Any], size: int = 500) -> Iterator[Any]:
    """Rows in lists, since dlt looks at the hints once for each item; what carries hints of its own goes alone."""
    rows = []
    for item in items:
        if not isinstance(item, dict):
            yield item
            continue
        rows.append(item)
        if len(rows) == size:
            yield rows
            rows = []
    if rows:
        yield rows


def _children(table: str, row: Row) -> Iterator[tuple[str, Row]]:
    """The row itself and, one level after another, the rows of its child tables, each with its table."""
    yield table, row
    for name, value in row.items():
        if isinstance(value, list):
            for child in value:
                yield from _children(f"{table}__{name}", child)


def row_counts(table: str, row: Row) -> dict[str, int]:
    """How many rows of each table the snapshot makes."""
    return Counter(name for name, _ in _children(table, row))


def hinted(resource: str, row: Row, seen_types: dict[str, str]) -> tuple[Any, dict[str, dict[str, str]]]:
    """The row, with a hint for every unknown field; and their types by table and column.

    dlt by itself would cut a number's digits after the ninth, make a timestamp of text that looks like one, and
    store true as 1 where it has seen numbers. A field whose type is not the one it had at first goes to a column of
    its own, as dlt names variants. `seen_types` remembers that first type and is added to.
    """
    kinds: dict[str, dict[str, str]] = {}
    for table, part in _children(resource, row):
        prefix = "" if table == resource else f"{table}."
        for place, name, column in list(_unknown_fields(table, part)):
            kind = unknown.column_type([place[name]])
            fits = seen_types.setdefault(prefix + column, kind) == kind
            if not fits:
                place[name] = {f"v_{kind}": place[name]}  # dlt joins the names of nested fields by two underscores
            own_column = column if fits else f"{column}__v_{kind}"
            kinds.setdefault(table, {})[own_column] = kind
    if not kinds:
        return row, {}
    more = {table: {name: _HINTS[kind] for name, kind in found.items()} for table, found in kinds.items()}
    # dlt adds columns to those of the resource, but takes nested hints in place of all that it had, and {} as "none".
    columns = hints(more[resource]) if resource in more else None
    return dlt.mark.with_hints(
        row, dlt.mark.make_hints(columns=columns, nested_hints=nested_hints(resource, more))
    ), kinds


def _unknown_fields(table: str, part: Row, prefix: str = "") -> Iterator[tuple[Row, str, str]]:
    """Each field without a hint: the object that holds it, its name there, its column."""
    for name, value in part.items():
        column = prefix + name
        if isinstance(value, dict):
            yield from _unknown_fields(table, value, f"{column}__")
        elif column not in tables.TABLES[table] | tables.SENSITIVE.get(table, {}) and not (
            name in ADDED or isinstance(value, list | None)
        ):
            yield part, name, column
