"""Usage buckets in, Arrow tables out. Rows travel as Arrow because dict rows cost dlt about thirty times more.

They say for every bucket of the window what the API says: its rows, or that it holds nothing (a `withdrawn`
marker, which removes an older row of that bucket and is not stored). A bucket with a row that breaks the contract
is left out altogether, so that what was known of it stays; so are all markers when that row tells no bucket.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain, groupby
from typing import Any, NamedTuple

import pyarrow as pa

from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.rows import arrow, records, unknown, values
from ai_gateway_billing.rows.fields import OURS
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.rows.tables import FIELDS, GROUPING_OF, TABLES

from . import windows
from .windows import Window

TABLE: dict[windows.Grouping, str] = {grouping: table for table, grouping in GROUPING_OF.items()}
_SCHEMAS = {grouping: arrow.schema_of(TABLES[table]) for grouping, table in TABLE.items()}
_ZERO = Decimal(0)
_KNOWN = frozenset(name for name, each in FIELDS["usage_hourly"].items() if each.need is not OURS)


class Rejected(NamedTuple):
    """A raw item that breaks the contract, and why."""

    payload: Any
    error: RecordError


class Plain(NamedTuple):
    """Rows with nothing but documented fields, then markers, by columns. Times are Unix milliseconds."""

    starts: list[int]
    ends: list[int]
    ids: list[str]
    numbers: list[Decimal]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A window's usage: rows and markers, how many of them are rows, and what was rejected."""

    window: Window
    account_id: str
    content: Plain | pa.Table
    rows: int
    rejected: list[Rejected]

    @property
    def length(self) -> int:
        """Rows and markers."""
        return len(self.content.ids) if isinstance(self.content, Plain) else self.content.num_rows


def buckets(history: list[Any], window: Window, reading: Reading) -> Buckets:
    """One row per bucket and id of the window, `aggregated_value` as sent. Source: usage-history."""
    plain = _plain(history, window)
    if plain is not None:
        return Buckets(window, reading.account_id, plain, len(history), [])
    return _row_by_row(history, window, reading)


def tables(read: Iterable[Buckets]) -> Iterator[pa.Table]:
    """Windows of one grouping as Arrow tables, in order; plain ones that follow each other in one table.

    A table for each answer, made in the thread that asked, takes several times as long: Arrow lets go of the
    interpreter time and again, and the other threads take it.
    """
    for is_plain, found in groupby(read, key=lambda each: isinstance(each.content, Plain)):
        if is_plain:
            yield _table_of_plain(list(found))
        else:
            yield from (each.content for each in found)


def _table_of_plain(read: Sequence[Buckets]) -> pa.Table:
    grouping = read[0].window.grouping
    width = windows.width_ms(grouping)
    starts, ends, ids, numbers = (
        list(chain.from_iterable(column)) for column in zip(*(each.content for each in read), strict=True)
    )
    columns = [
        pa.array([each.account_id for each in read for _ in range(each.length)], pa.string()),
        _times([start - start % width for start in starts]),
        _times(starts),
        _times(ends),
        pa.array(ids, pa.string()),
        pa.array(numbers, arrow.TYPES["decimal"]),
        pa.array([True if n >= each.rows else None for each in read for n in range(each.length)], pa.bool_()),
    ]
    return pa.Table.from_arrays(columns, schema=_SCHEMAS[grouping])


def _times(milliseconds: list[int]) -> pa.Array:
    return pa.array(milliseconds, pa.timestamp("ms", "UTC")).cast(arrow.TYPES["timestamp"])


def _plain(history: list[Any], window: Window) -> Plain | None:
    """The columns of an answer with nothing but documented rows: several times faster than row by row.

    None for an answer with anything else in it, however harmless.
    """
    columns = _plain_columns(history)
    if columns is None:
        return None
    starts, ends, ids, numbers = columns
    first, last, width = windows.epoch_ms(window.start), windows.epoch_ms(window.end), windows.width_ms(window.grouping)
    in_place = all(first <= start < end <= start + width for start, end in zip(starts, ends, strict=True))
    if not in_place or max(starts, default=first) >= last or len(set(zip(starts, ends, ids, strict=True))) < len(ids):
        return None
    silent = sorted(set(range(first, last, width)).difference(start - start % width for start in starts))
    return Plain(
        starts + silent,
        ends + [start + width for start in silent],
        ids + [""] * len(silent),
        numbers + [_ZERO] * len(silent),
    )


def _plain_columns(history: list[Any]) -> Plain | None:
    """Starts and ends in Unix milliseconds, ids and values; None unless all are as documented."""
    if not all(type(item) is dict and item.keys() == _KNOWN for item in history):
        return None
    starts, ends = [item["start_time"] for item in history], [item["end_time"] for item in history]
    ids, numbers = [item["id"] for item in history], [item["aggregated_value"] for item in history]
    if not ({*map(type, starts), *map(type, ends)} <= {int} and {*map(type, ids)} <= {str}) or "\0" in "".join(ids):
        return None
    if max(ends, default=0) < values.SECONDS_BELOW:
        starts, ends = [1_000 * start for start in starts], [1_000 * end for end in ends]
    try:
        return Plain(starts, ends, ids, values.exact(numbers, values.USAGE_LIMIT))
    except ValueError:
        return None


def _row_by_row(history: list[Any], window: Window, reading: Reading) -> Buckets:
    pairs, rejected = _sort_out(history, window, reading)
    unsure = {_bucket_of(each.payload, window, reading) for each in rejected}
    pairs = [(row, item) for row, item in pairs if row["bucket_start"] not in unsure]
    rows, items = [row for row, _ in pairs], [item for _, item in pairs]
    marked = rows + ([] if None in unsure else _markers(rows, unsure, window, reading))
    table = arrow.table(marked, TABLES[TABLE[window.grouping]])
    is_known = all(item.keys() == _KNOWN for item in items)
    more = {} if is_known else unknown.typed(items, _KNOWN, reading.include_sensitive)
    return Buckets(window, reading.account_id, arrow.append(table, more), len(rows), rejected)


def _sort_out(
    history: list[Any], window: Window, reading: Reading
) -> tuple[list[tuple[Row, dict[str, Any]]], list[Rejected]]:
    """Each row of the window once, with its raw item, and what breaks the contract."""
    pairs: dict[tuple[Any, ...], tuple[Row, dict[str, Any]]] = {}
    rejected = []
    for item in history:
        try:
            row = _row(item, window, reading)
        except RecordError as error:
            rejected.append(Rejected(item, error))
            continue
        if row["start_time"] == window.end:
            continue  # in case the API takes the end as inclusive: the row belongs to the next window
        first, sent = pairs.setdefault((row["start_time"], row["end_time"], row["id"]), (row, item))
        if first["aggregated_value"] != row["aggregated_value"] or sent["id"] != item["id"]:
            reason = "appears twice in one bucket, with different values"
            rejected.append(Rejected(item, RecordError(TABLE[window.grouping], "id", reason)))
    return list(pairs.values()), rejected


def _row(item: Any, window: Window, reading: Reading) -> Row:
    table = TABLE[window.grouping]
    row = records.documented(table, item, reading)
    start = row["start_time"]
    if not window.start <= start <= window.end:
        raise RecordError(table, "start_time", "is outside the requested time")
    if row["end_time"] <= start:
        raise RecordError(table, "end_time", "is not after start_time")
    return row | {"bucket_start": windows.floor(window.grouping, start)}


def _markers(rows: list[Row], unsure: set[datetime | None], window: Window, reading: Reading) -> list[Row]:
    """A marker for each bucket that is surely empty."""
    filled = {row["bucket_start"] for row in rows} | unsure
    return [_marker(start, window, reading) for start in window.starts() if start not in filled]


def _bucket_of(payload: Any, window: Window, reading: Reading) -> datetime | None:
    try:
        start = values.instant(values.mapping(payload).get("start_time"), reading.now)
    except ValueError:
        return None
    return windows.floor(window.grouping, start)


def _marker(start: datetime, window: Window, reading: Reading) -> Row:
    return {
        "account_id": reading.account_id,
        "bucket_start": start,
        "start_time": start,
        "end_time": start + windows.BUCKET[window.grouping],
        "id": "",
        "aggregated_value": _ZERO,
        "withdrawn": True,
    }
