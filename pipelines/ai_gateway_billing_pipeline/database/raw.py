"""The raw tables as our SQL reads them, also those that no load has made yet and those that an older version made."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import duckdb

from ai_gateway_billing.rows import bookkeeping
from ai_gateway_billing.rows.tables import DATASET, GROUPING_OF, TABLES, below

OURS = {
    "account_names": dict.fromkeys(("account_id", "name", "alias"), "varchar") | {"named_at": "timestamptz"},
    "budgets": {"name": "varchar", "amount": "decimal(38, 18)"}
    | dict.fromkeys(("currency", "period", "accounts", "model", "thresholds"), "varchar"),
    "load_settings": dict.fromkeys(("usage_unit", "written_by"), "varchar"),
    "usage_reported": {
        **dict.fromkeys(("account_id", "grouping", "period"), "varchar"),
        "starts": "date",
        "first_usage": "decimal(38, 18)",
        "first_seen_at": "timestamptz",
        "last_usage": "decimal(38, 18)",
        "last_seen_at": "timestamptz",
    },
}
"""Columns and types of the tables that a load writes without dlt, in their order."""

Present = Mapping[str, set[str]]
"""Raw tables that a load has made, with their columns."""

_TYPES = {
    "text": "varchar",
    "decimal": "decimal(38, 18)",
    "timestamp": "timestamptz",
    "bool": "boolean",
    "bigint": "bigint",
    "date": "date",
}
_DLT_COLUMNS = {
    "_dlt_valid_from": "timestamptz",
    "_dlt_valid_to": "timestamptz",
    "_dlt_parent_id": "varchar",
    "_dlt_list_idx": "bigint",
    "_dlt_id": "varchar",
}
_COLUMNS: dict[str, dict[str, str]] = {
    table: {name: _TYPES[hint["data_type"]] for name, hint in hints.items()}
    for table, hints in (TABLES | bookkeeping.COLUMNS).items()
} | OURS
_NAME = re.compile(rf"\b{DATASET}\.(\w+)")


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The raw tables that are there."""
    # Not from information_schema, which binds every view to list its columns.
    sql = "select table_name from duckdb_tables() where schema_name = ? and database_name = current_database()"
    return {name for (name,) in connection.execute(sql, [DATASET]).fetchall()}


def present(connection: duckdb.DuckDBPyConnection) -> Present:
    """The raw tables that are there, with their columns: views are planned for it, so ask once."""
    query = (
        "select table_name, list(column_name) from duckdb_columns() "
        "where schema_name = $1 and database_name = current_database() group by table_name"
    )
    return {name: set(columns) for name, columns in connection.execute(query, [DATASET]).fetchall()}


def made_for(loaded: Collection[str]) -> set[str]:
    """The tables that a load of these resources makes, whatever it finds: their own, those below, and the coverage."""
    children = {child for resource in loaded for child in below(resource)}
    return {*loaded, *children, *({"usage_coverage"} if GROUPING_OF.keys() & set(loaded) else ())}


def budgets(connection: duckdb.DuckDBPyConnection) -> set[tuple[Any, ...]]:
    """The budgets that count, as the last load stored them, with the columns in their order."""
    query = f"select {', '.join(OURS['budgets'])} from {DATASET}.budgets"  # noqa: S608 - names of ours
    return set(connection.execute(bound(query, present(connection))).fetchall())


def named_in(statement: str) -> set[str]:
    """The raw tables that a statement without comments reads."""
    return set(_NAME.findall(statement))


def bound(statement: str, present: Present) -> str:
    """The statement with no row for each raw table that no load has made; a missing column stays an error."""
    return _NAME.sub(lambda found: found[0] if found[1] in present else _relation(found[1], present), statement)


def completed(statement: str, present: Present) -> str:
    """As `bound`, with NULL also for the columns that an older version did not load."""
    return _NAME.sub(lambda found: _relation(found[1], present), statement)


def _relation(table: str, present: Present) -> str:
    declared = _COLUMNS.get(table, {})
    if table not in present:
        if not declared:
            return f"{DATASET}.{table}"
        # Not `limit 0`: DuckDB works out each part of a plan that has one as often as it is there.
        return f"(select {_nulls(declared | _DLT_COLUMNS)} from unnest([]::integer[]))"  # noqa: S608 - names of ours
    missing = {name: kind for name, kind in declared.items() if name not in present[table]}
    return f"(from {DATASET}.{table} select *, {_nulls(missing)})" if missing else f"{DATASET}.{table}"


def _nulls(columns: Mapping[str, str]) -> str:
    return ", ".join(f'null::{kind} as "{name}"' for name, kind in columns.items())
