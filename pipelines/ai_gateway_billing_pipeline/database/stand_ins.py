"""Stand-ins for the views of `spend` while others that read them are made.

DuckDB plans a view that it makes with all views below it, and each of them once for every place that reads it. Of a
stand-in, which has the same columns and reads nothing, there is nothing to plan.
"""

import duckdb

from . import quoting

_COLUMNS = (
    "select column_name, data_type from duckdb_columns() "
    "where database_name = current_database() and schema_name = 'spend' and table_name = $1 order by column_index"
)


def put(transaction: duckdb.DuckDBPyConnection, name: str) -> None:
    """Put one into the place of that view, which is kept aside."""
    columns = transaction.execute(_COLUMNS, [name]).fetchall()
    nulls = ", ".join(f"null::{kind} as {quoting.name(column)}" for column, kind in columns)
    transaction.execute(f"alter view spend.{name} rename to {_aside(name)}")
    transaction.execute(f"create view spend.{name} as select {nulls}")


def remove(transaction: duckdb.DuckDBPyConnection, name: str) -> None:
    """Put the view into its place again."""
    transaction.execute(f"drop view spend.{name}")
    transaction.execute(f"alter view spend.{_aside(name)} rename to {name}")


def _aside(name: str) -> str:
    return quoting.name(f"{name} (aside)")
