"""Deletes what is stored of one account, and from dlt's state how far it was read. Asks and tells nobody."""

from typing import Any, cast

import duckdb
from dlt.common.pipeline import TPipelineState
from dlt.common.versioned_state import compress_state, decompress_state
from dlt.pipeline.state_sync import bump_pipeline_state_version_if_modified

_TABLES = """
    select table_name
    from duckdb_columns()
    where schema_name = 'ai_gateway_billing' and column_name = 'account_id' and database_name = current_database()
        and table_name in (select table_name from duckdb_tables())
    order by table_name
"""


def held(connection: duckdb.DuckDBPyConnection, account_id: str) -> dict[str, int]:
    """How many rows each table holds of the account, without those that hold none. The connection may be read-only."""
    counts = {table: _count(connection, table, account_id) for (table,) in connection.execute(_TABLES).fetchall()}
    return {table: rows for table, rows in counts.items() if rows}


def forget(connection: duckdb.DuckDBPyConnection, account_id: str) -> None:
    """Delete all that is stored of the account. The next load that reads it begins at the start of its history."""
    for table in held(connection, account_id):
        statement = f"delete from ai_gateway_billing.{table} where lower(account_id) = ?"  # noqa: S608  # our names
        connection.execute(statement, [account_id])
    query = "select rowid, state from ai_gateway_billing._dlt_pipeline_state"
    try:
        states = connection.execute(query).fetchall()
    except duckdb.CatalogException:  # the next load reads everything anyway
        return
    for rowid, stored in states:
        _forget_state(connection, rowid, stored, account_id)


def _forget_state(connection: duckdb.DuckDBPyConnection, rowid: int, stored: str, account_id: str) -> None:
    state = cast(TPipelineState, _without(decompress_state(stored), account_id))
    version, mark, _ = bump_pipeline_state_version_if_modified(state)
    connection.execute(
        "update ai_gateway_billing._dlt_pipeline_state set state = ?, version = ?, version_hash = ? where rowid = ?",
        [compress_state(state), version, mark, rowid],
    )


def _without(value: Any, account_id: str) -> Any:
    """Neither entries under the account's id nor the id itself in a list."""
    if isinstance(value, dict):
        return {name: _without(each, account_id) for name, each in value.items() if name.lower() != account_id}
    if isinstance(value, list):
        return [each for each in value if not (isinstance(each, str) and each.lower() == account_id)]
    return value


def _count(connection: duckdb.DuckDBPyConnection, table: str, account_id: str) -> int:
    query = f"select count(*) from ai_gateway_billing.{table} where lower(account_id) = ?"  # noqa: S608  # our names
    ((rows,),) = connection.execute(query, [account_id]).fetchall()
    return int(rows)
