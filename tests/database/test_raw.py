"""Raw tables that no load has made, that an older version made, and the shapes of those that a load writes itself."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ai_gateway_billing_pipeline.database import raw, views
from support.bench import Bench
from support.raw_tables import database

VIEWS = [name for name in views.VIEWS if name not in views.MACROS]


def test_stand_ins_have_the_columns_of_the_tables(tmp_path: Path) -> None:
    """A view has the same columns and types whether its raw tables exist or not."""
    with database(tmp_path) as complete, duckdb.connect() as bare:
        views.apply(bare, "cents")
        for name in VIEWS:
            assert (
                complete.execute(f"describe spend.{name}").fetchall()
                == bare.execute(f"describe spend.{name}").fetchall()
            )


def test_a_table_that_no_load_has_made_has_no_row_and_one_that_is_there_is_left_alone() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema ai_gateway_billing")
        connection.execute("create table ai_gateway_billing.budgets as select 'all' as name")
        present = raw.present(connection)

        nothing = raw.bound("select count(*) from ai_gateway_billing.invoices", present)
        something = raw.bound("select name from ai_gateway_billing.budgets", present)

        assert raw.tables(connection) == set(present) == {"budgets"}
        assert connection.execute(nothing).fetchall() == [(0,)]
        assert something == "select name from ai_gateway_billing.budgets"


def test_a_column_that_an_older_version_did_not_load_is_null_where_views_are_made() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema ai_gateway_billing")
        connection.execute("create table ai_gateway_billing.budgets as select 'all' as name")
        statement = raw.completed("select name, currency from ai_gateway_billing.budgets", raw.present(connection))

        assert connection.execute(statement).fetchall() == [("all", None)]


def test_a_load_writes_its_own_tables_as_they_are_declared(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.account()
    bench.load_well()

    with duckdb.connect(str(bench.database), read_only=True) as connection:
        for table, declared in raw.OURS.items():
            found = connection.execute(f"select * from ai_gateway_billing.{table} limit 0").description
            names = connection.execute(f"describe ai_gateway_billing.{table}").fetchall()
            wanted = connection.execute(
                "select " + ", ".join(f'null::{kind} as "{name}"' for name, kind in declared.items())
            ).description
            assert [column[0] for column in found or []] == [row[0] for row in names] == list(declared)
            assert [column[1] for column in found or []] == [column[1] for column in wanted or []]
