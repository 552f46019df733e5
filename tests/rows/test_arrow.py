"""Tables of Arrow: columns that nobody declared, batches, and the empty table that a new database needs."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from ai_gateway_billing.rows import arrow
from ai_gateway_billing.rows.tables import TABLES

COLUMNS = {"id": {"data_type": "text", "nullable": False}, "paid": {"data_type": "bool", "nullable": True}}


def numbered(rows: int) -> pa.Table:
    return arrow.table([{"id": str(n)} for n in range(rows)], COLUMNS)


@pytest.mark.parametrize("table", TABLES)
def test_a_schema_has_the_declared_names_and_nullability(table: str) -> None:
    schema = arrow.schema_of(TABLES[table])

    assert schema.names == list(TABLES[table])
    assert [field.nullable for field in schema] == [hint["nullable"] for hint in TABLES[table].values()]


def test_a_table_has_the_hinted_columns_alone() -> None:
    table = arrow.table([{"id": "a", "paid": True, "more": 1}, {"id": "b"}], COLUMNS)

    assert table.to_pylist() == [{"id": "a", "paid": True}, {"id": "b", "paid": None}]


def test_a_shorter_column_ends_in_nulls() -> None:
    table = arrow.append(numbered(3), {"cost": [None, Decimal("0.1")], "name": ["x"], "new": [False, None, True]})

    assert table["cost"].to_pylist() == [None, Decimal("0.1"), None]
    assert table["name"].to_pylist() == ["x", None, None]
    assert table["new"].to_pylist() == [False, None, True]
    assert arrow.not_hinted(table, COLUMNS) == {"cost": "decimal", "name": "text", "new": "bool"}


def test_a_field_keeps_its_first_type_and_another_one_gets_a_column_of_its_own() -> None:
    seen: dict[str, str] = {}
    first, second = (arrow.open_table([{"id": "a", "tier": tier}], COLUMNS, seen) for tier in (Decimal(1), "gold"))

    assert first.column_names == ["id", "paid", "tier"]
    assert second.column_names == ["id", "paid", "tier__v_text"]
    assert seen == {"tier": "decimal"}


@pytest.mark.parametrize(
    ("sizes", "joined"),
    [
        ([], []),
        ([1], [1]),
        ([4_999, 1, 3], [5_000, 3]),
        ([5_000, 5_000], [5_000, 5_000]),
        ([1, 9_000, 2, 2], [9_001, 4]),
    ],
)
def test_small_tables_are_joined_and_all_rows_come_in_order(sizes: list[int], joined: list[int]) -> None:
    found = list(arrow.batches(numbered(size) for size in sizes))

    assert [table.num_rows for table in found] == joined
    ids = [cell for table in found for cell in table["id"].to_pylist()]
    assert ids == [str(n) for size in sizes for n in range(size)]
    assert all(table["id"].num_chunks == 1 for table in found)


def test_a_column_that_a_table_lacks_is_null_there() -> None:
    table = arrow.join([numbered(1), arrow.append(numbered(1), {"name": ["x"]})])

    assert table["name"].to_pylist() == [None, "x"]
