"""Deletes what is stored of one account, and from dlt's state how far it was read. Asks and tells nobody."""

from typing import Any, cast

from dlt.common.pipeline import TPipelineState
from dlt.common.versioned_state import compress_state, decompress_state
from dlt.pipeline.state_sync import bump_pipeline_state_version_if_modified

from .sql import Sql, columns, tables


def held(sql: Sql, account_id: str) -> dict[str, int]:
    """How many rows each table holds of the account, without those that hold none."""
    present = tables(sql)
    found = sorted(table for table, column in columns(sql) if column == "account_id" and table in present)
    counts = {table: _count(sql, table, account_id) for table in found}
    return {table: rows for table, rows in counts.items() if rows}


def forget(sql: Sql, account_id: str) -> None:
    """Delete all that is stored of the account. The next load that reads it begins at the start of its history."""
    for table in held(sql, account_id):
        statement = f"delete from ai_gateway_billing.{table} where lower(account_id) = %s"  # noqa: S608  # our names
        sql.execute(statement, account_id)
    if "_dlt_pipeline_state" not in tables(sql):  # the next load reads everything anyway
        return
    query = "select pipeline_name, _dlt_load_id, version, state from ai_gateway_billing._dlt_pipeline_state"
    for name, load_id, number, stored in sql.execute(query):
        _forget_state(sql, (name, load_id, number), stored, account_id)


def _forget_state(sql: Sql, row: tuple[str, str, int], stored: str, account_id: str) -> None:
    state = cast(TPipelineState, _without(decompress_state(stored), account_id))
    version, mark, _ = bump_pipeline_state_version_if_modified(state)
    sql.execute(
        "update ai_gateway_billing._dlt_pipeline_state set state = %s, version = %s, version_hash = %s "
        "where pipeline_name = %s and _dlt_load_id = %s and version = %s",
        *(compress_state(state), version, mark),
        *row,
    )


def _without(value: Any, account_id: str) -> Any:
    """Neither entries under the account's id nor the id itself in a list."""
    if isinstance(value, dict):
        return {name: _without(each, account_id) for name, each in value.items() if name.lower() != account_id}
    if isinstance(value, list):
        return [each for each in value if not (isinstance(each, str) and each.lower() == account_id)]
    return value


def _count(sql: Sql, table: str, account_id: str) -> int:
    query = f"select count(*) from ai_gateway_billing.{table} where lower(account_id) = %s"  # noqa: S608  # our names
    ((rows,),) = sql.execute(query, account_id)
    return int(rows)
