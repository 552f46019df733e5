"""Keeps in order what earlier loads left: tables that were lost, and states of dlt that pile up.

`load_settings`: how the tables are to be read. `account_names`: what Cloudflare and the settings call the accounts.
`budgets`: those of the settings. `usage_reported`: see reported.py.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from importlib import metadata

from ai_gateway_billing.rows.bookkeeping import COLUMNS as BOOKS
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.budgets import Budget
from ai_gateway_billing_pipeline.database import raw

from .sql import Sql, columns, tables

_DLT_TABLES = ("_dlt_pipeline_state", "_dlt_loads", "_dlt_version")
_LOADS_KEPT = timedelta(days=35)

_BUDGET = ", ".join(raw.OURS["budgets"])
_KEYED = """
select distinct table_name from duckdb_constraints()
where schema_name = 'ai_gateway_billing' and database_name = current_database() and constraint_type = 'PRIMARY KEY'
"""


def adopt(sql: Sql) -> None:
    """Bring the tables of earlier versions, which wrote them without dlt and into files alone, into today's form.

    DuckDB cannot replace a row within a transaction where a key forbids two of it.
    """
    for (table,) in sql.execute(_KEYED):
        sql.execute(f"create table ai_gateway_billing._adopted as from ai_gateway_billing.{table}")
        sql.execute(f"drop table ai_gateway_billing.{table}")
        sql.execute(f"alter table ai_gateway_billing._adopted rename to {table}")


def add_listed(sql: Sql) -> None:
    """Let every account count as listed when it was last loaded, where an older version did not write that."""
    if "load_status" in tables(sql) and ("load_status", "last_listed_at") not in columns(sql, "load_status"):
        sql.execute("alter table ai_gateway_billing.load_status add column last_listed_at timestamptz")
        sql.execute(
            "update ai_gateway_billing.load_status set last_listed_at = last_attempt_at "
            "where last_success_at is not null"
        )


def lost_tables(sql: Sql) -> list[str]:
    """Tables that an earlier load made and somebody has dropped since: then dlt's state says more than is there."""
    present = tables(sql)
    if not present & {*_DLT_TABLES, "load_status"}:
        return []
    expected = {*_DLT_TABLES, *BOOKS}
    if "load_status" in present:
        loaded = sql.execute("select distinct resource from ai_gateway_billing.load_status")
        expected |= raw.made_for({resource for (resource,) in loaded})
    return sorted(expected - present)


def forget_state(sql: Sql) -> None:
    """Let the next extractions begin at the start. Rows and versions stay: what is read again is merged with them."""
    for table in _DLT_TABLES:
        sql.execute(f"drop table if exists ai_gateway_billing.{table}")


def write_settings(sql: Sql, usage_unit: str) -> None:
    """Record what readers need to know of this load's settings, and which version wrote it."""
    _make_ours(sql)
    now = (usage_unit, metadata.version("cloudflare-ai-gateway-billing"))
    if list(sql.execute("select usage_unit, written_by from ai_gateway_billing.load_settings")) != [now]:
        sql.execute("delete from ai_gateway_billing.load_settings")
        sql.execute("insert into ai_gateway_billing.load_settings values (%s, %s)", *now)


def _make_ours(sql: Sql) -> None:
    """The tables that are written without dlt, and in those of an older version the columns that came since."""
    present, there = tables(sql), columns(sql, *raw.OURS)
    for table, made_of in raw.OURS.items():
        shape = {name: f'"{name}" {kind}' for name, kind in made_of.items()}
        if table not in present:
            sql.execute(f"create table ai_gateway_billing.{table} ({', '.join(shape.values())})")
            continue
        for name, declared in shape.items():
            if (table, name) not in there:
                sql.execute(f"alter table ai_gateway_billing.{table} add column {declared}")


def write_names(
    sql: Sql, known: Collection[str], names: Mapping[str, str], aliases: Mapping[str, str], now: datetime
) -> None:
    """Record what the API calls these accounts, since when, and what the settings do.

    A name that was not heard stays, an alias that is set no more goes.
    """
    found = sql.execute("select account_id, name, alias, named_at from ai_gateway_billing.account_names")
    before = {account_id: (name, alias, named_at) for account_id, name, alias, named_at in found}
    for account_id in known:
        was = before.get(account_id, (None, None, None))
        name = names.get(account_id) or was[0]
        row = (name, aliases.get(account_id), was[2] if name == was[0] else now)
        if row != was:
            sql.execute("delete from ai_gateway_billing.account_names where account_id = %s", account_id)
            query = "insert into ai_gateway_billing.account_names (account_id, name, alias, named_at)"
            sql.execute(f"{query} values (%s, %s, %s, %s)", account_id, *row)


def write_budgets(sql: Sql, budgets: Sequence[Budget]) -> None:
    """Put the budgets of the settings in place of those of the load before."""
    wanted = [tuple(budget.row()) for budget in budgets]
    if sorted(map(repr, sql.execute(f"select {_BUDGET} from ai_gateway_billing.budgets"))) == sorted(map(repr, wanted)):  # noqa: S608
        return
    sql.execute("delete from ai_gateway_billing.budgets")
    for row in wanted:
        sql.execute(f"insert into ai_gateway_billing.budgets ({_BUDGET}) values (%s, %s, %s, %s, %s, %s, %s)", *row)  # noqa: S608


def prune(sql: Sql, pipeline_name: str, now: datetime) -> None:
    """Keep of dlt's states, schemas and loads what it will ask for again; by itself it never deletes one.

    Of the states the newest by its own count: dlt goes by the time of the load, so one under a clock that was ahead
    would rule for as long, and every later load would forget how far it came.
    """
    query = "select version, _dlt_load_id from ai_gateway_billing._dlt_pipeline_state where pipeline_name = %s"
    newest = max(sql.execute(query, pipeline_name), default=(0, ""))
    sql.execute(
        "delete from ai_gateway_billing._dlt_pipeline_state "
        "where pipeline_name = %s and not (version = %s and _dlt_load_id = %s)",
        *(pipeline_name, *newest),
    )
    sql.execute(
        "delete from ai_gateway_billing._dlt_version where schema_name = %s and inserted_at < "
        "(select max(inserted_at) from ai_gateway_billing._dlt_version where schema_name = %s)",
        *(DATASET, DATASET),
    )
    sql.execute(
        "delete from ai_gateway_billing._dlt_loads where schema_name = %s and inserted_at < %s "
        "and load_id not in (select _dlt_load_id from ai_gateway_billing._dlt_pipeline_state)",
        *(DATASET, now - _LOADS_KEPT),
    )
