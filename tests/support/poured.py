"""A destination as a load would leave it: the raw tables of a DuckDB file, poured into Postgres or a lake."""

from __future__ import annotations

from pathlib import Path

import duckdb

from support.lake import Lake
from support.postgres import Database

SCHEMA = "ai_gateway_billing"
_TABLES = "select table_name from duckdb_tables() where schema_name = 'ai_gateway_billing' order by 1"
_COLUMNS = (
    "select column_name, lower(data_type) from duckdb_columns() "
    "where schema_name = 'ai_gateway_billing' and table_name = $1 order by column_index"
)
_TYPES = {"timestamp with time zone": "timestamptz", "json": "jsonb"}


def pour_into_postgres(file: Path, database: Database, folder: Path) -> None:
    """Every raw table, with the types that dlt gives its columns there."""
    with duckdb.connect(str(file), read_only=True) as source, database.connected() as target:
        source.execute("set timezone = 'UTC'")
        cursor = target.cursor()
        cursor.execute(f"create schema if not exists {SCHEMA}")
        for (table,) in source.execute(_TABLES).fetchall():
            columns = ", ".join(
                f'"{name}" {_TYPES.get(kind, kind.replace("decimal", "numeric"))}'
                for name, kind in source.execute(_COLUMNS, [table]).fetchall()
            )
            cursor.execute(f'create table {SCHEMA}."{table}" ({columns})')
            path = folder / f"{table}.csv"
            source.execute(f"copy {SCHEMA}.\"{table}\" to '{path}' (format csv, header false)")
            with path.open("rb") as rows:
                cursor.copy_expert(f'copy {SCHEMA}."{table}" from stdin (format csv)', rows)


def pour_into_lake(file: Path, lake: Lake) -> None:
    """Every raw table."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as source (read_only)")
        address = f"ducklake:postgres:{lake.catalog}"
        connection.execute(f"attach '{address}' as lake (data_path '{lake.storage}', metadata_schema 'ducklake')")
        connection.execute(f"create schema if not exists lake.{SCHEMA}")
        for (table,) in connection.execute(_TABLES).fetchall():
            connection.execute(f'create table lake.{SCHEMA}."{table}" as from source.{SCHEMA}."{table}"')
