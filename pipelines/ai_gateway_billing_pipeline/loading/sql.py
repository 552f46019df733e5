"""SQL on the tables that loads write, wherever they are: statements that DuckDB and Postgres read alike."""

import re
from collections.abc import Sequence
from itertools import count
from typing import Any, Protocol

import duckdb
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.destinations.sql_client import SqlClientBase

from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.database import quoting

_TABLES = """
select table_name from information_schema.tables
where table_schema = %s and table_catalog = current_database() and table_type = 'BASE TABLE'
"""
_COLUMNS = "select table_name, column_name from information_schema.columns where table_schema = %s"
_TABLES_OF_DUCKDB = (
    "select table_name from duckdb_tables() where schema_name = %s and database_name = current_database()"
)

Rows = Sequence[tuple[Any, ...]]


class Sql(Protocol):
    """A connection in UTC. Tables are written with their schema, as `ai_gateway_billing.load_status`.

    `is_duckdb`: DuckDB answers, and not Postgres.
    """

    is_duckdb: bool

    def execute(self, query: str, *values: object) -> Rows:
        """The rows that a statement gives; of one that changes something they mean nothing. `%s` stands for a value."""


class FileSql:
    """A DuckDB file."""

    is_duckdb = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute("set timezone = 'UTC'")

    def execute(self, query: str, *values: object) -> Rows:
        """As `Sql` says. Raises `duckdb.Error`."""
        return self._connection.execute(_numbered(query), list(values)).fetchall()


class ClientSql:
    """Whatever dlt has a client for."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self.is_duckdb = isinstance(client, DuckDbSqlClient)
        client.execute_sql("set timezone = 'UTC'")

    @property
    def native(self) -> Any:
        """The driver's own connection."""
        return self._client.native_connection

    def execute(self, query: str, *values: object) -> Rows:
        """As `Sql` says. Raises dlt's `DestinationException`."""
        if self.is_duckdb:
            query = _numbered(query)
        return [tuple(row) for row in self._client.execute_sql(query, *values) or ()]


def _numbered(query: str) -> str:
    """With a number for each value: DuckDB 1 counts those without one in an order of its own, `from` before `set`."""
    number = count(1)
    return re.sub("%s", lambda _: f"${next(number)}", query)


def tables(sql: Sql) -> set[str]:
    """The raw tables that there are, dlt's own included."""
    # Not from information_schema, which looks at all views as well.
    return {name for (name,) in sql.execute(_TABLES_OF_DUCKDB if sql.is_duckdb else _TABLES, DATASET)}


def columns(sql: Sql, *of: str) -> set[tuple[str, str]]:
    """Each table with each of its columns; only these tables where any are named."""
    if not sql.is_duckdb:
        return {(table, column) for table, column in sql.execute(_COLUMNS, DATASET) if not of or table in of}
    # Table by table: to list the columns of all, DuckDB plans every view.
    described = " union all ".join(_described(table) for table in tables(sql) if not of or table in of)
    return {(table, column) for table, column in sql.execute(described)} if described else set()


def _described(table: str) -> str:
    path = quoting.text(f"{DATASET}.{quoting.name(table)}")
    return f"select {quoting.text(table)}, name from pragma_table_info({path})"  # noqa: S608  # quoted
