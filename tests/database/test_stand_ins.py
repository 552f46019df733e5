"""What a view is does not depend on what stood in the places of others while it was made."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ai_gateway_billing_pipeline.database import stand_ins, views
from support.raw_tables import database

STORED = "select view_name, sql from duckdb_views() where schema_name = 'spend' and not internal order by all"
COLUMNS = (
    "select table_name, column_name, data_type from duckdb_columns() "
    "where schema_name = 'spend' order by table_name, column_index"
)


def test_every_view_is_as_if_all_below_it_had_been_there(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        found = [connection.execute(query).fetchall() for query in (STORED, COLUMNS)]
        connection.execute("drop schema spend cascade")

        views.store(connection, "cents")  # one after another, with nothing in any place

        assert [connection.execute(query).fetchall() for query in (STORED, COLUMNS)] == found


def test_a_view_comes_back_into_its_place_with_what_was_made_meanwhile() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema spend")
        connection.execute("""create view spend.below as select 1.5 as "a ""b", [{'c': date '2026-11-01'}] as list""")
        stand_ins.put(connection, "below")
        connection.execute("create view spend.above as from spend.below")
        while_aside = connection.execute("from spend.above").fetchall()

        stand_ins.remove(connection, "below")

        assert while_aside == [(None, None)]
        assert connection.execute("from spend.above").fetchall() == connection.execute("from spend.below").fetchall()
        assert [name for name, _ in connection.execute(STORED).fetchall()] == ["above", "below"]
