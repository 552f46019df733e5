"""Small tables about the loads themselves, written beside dlt's in the working file.

`load_status`: how each resource of each account went last. `quarantine`: raw items that broke the contract.
`unknown_fields`: fields that the contract does not know, since when.
"""

from collections.abc import Iterable
from datetime import datetime

import duckdb

from ai_gateway_billing.report import Report

_TABLES = """
create schema if not exists ai_gateway_billing;
create table if not exists ai_gateway_billing.load_status (
    account_id varchar, resource varchar, status varchar, error varchar, skipped varchar,
    last_attempt_at timestamptz, last_success_at timestamptz,
    primary key (account_id, resource)
);
create table if not exists ai_gateway_billing.quarantine (
    account_id varchar, resource varchar, field varchar, reason varchar, payload varchar,
    first_seen_at timestamptz, last_seen_at timestamptz,
    primary key (account_id, resource, field, reason, payload)
);
create table if not exists ai_gateway_billing.unknown_fields (
    table_name varchar, field varchar, data_type varchar, first_seen_at timestamptz,
    primary key (table_name, field)
);
"""

_DLT_TABLES = ("_dlt_pipeline_state", "_dlt_loads", "_dlt_version")


def write(connection: duckdb.DuckDBPyConnection, report: Report, now: datetime) -> None:
    """Record the load's outcomes. A resource that went well clears its account's quarantine."""
    connection.execute("set timezone = 'UTC'")
    connection.execute(_TABLES)
    for (account_id, resource), outcome in report.outcomes.items():
        error = None if outcome.error is None else str(outcome.error)
        success = None if outcome.error else now
        connection.execute(
            "insert into ai_gateway_billing.load_status values ($1, $2, $3, $4, $5, $6, $7) "
            "on conflict do update set status = $3, error = $4, skipped = $5, last_attempt_at = $6, "
            "last_success_at = coalesce($7, last_success_at)",
            [account_id, resource, outcome.status, error, outcome.skipped, now, success],
        )
        if outcome.error is None:
            connection.execute(
                "delete from ai_gateway_billing.quarantine where account_id = $1 and starts_with(resource, $2)",
                [account_id, resource],
            )
    for item in report.quarantined:
        connection.execute(
            "insert into ai_gateway_billing.quarantine values ($1, $2, $3, $4, $5, $6, $6) "
            "on conflict do update set last_seen_at = $6",
            [*item, now],
        )


def new_fields(connection: duckdb.DuckDBPyConnection, report: Report, now: datetime) -> Iterable[tuple[str, str]]:
    """Record unknown fields and return those that came for the first time, as (table, field)."""
    fresh = []
    for (table, name), kind in sorted(report.new_fields.items()):
        inserted = connection.execute(
            "insert into ai_gateway_billing.unknown_fields values ($1, $2, $3, $4) on conflict do nothing returning 1",
            [table, name, kind, now],
        ).fetchall()
        if inserted:
            fresh.append((table, name))
    return fresh


def lost_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables that an earlier load made and somebody has dropped since: then dlt's state says more than is there."""
    present = _tables(connection)
    if not present & {*_DLT_TABLES, "load_status"}:
        return []
    expected = {*_DLT_TABLES, "load_status"}
    if "load_status" in present:
        loaded = connection.execute("select distinct resource from ai_gateway_billing.load_status").fetchall()
        expected |= {resource for (resource,) in loaded}
    if expected & {"usage_hourly", "usage_daily"}:
        expected.add("usage_coverage")
    return sorted(expected - present)


def forget_state(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the next extraction begin at the start. Rows and versions stay: what is read again is merged with them."""
    for table in _DLT_TABLES:
        connection.execute(f"drop table if exists ai_gateway_billing.{table}")


def _tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    found = connection.execute("select table_name from duckdb_tables() where schema_name = 'ai_gateway_billing'")
    return {name for (name,) in found.fetchall()}


def tidy(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what only dlt's next merge would need, and all but the newest of its states, which it never prunes."""
    connection.execute("drop schema if exists ai_gateway_billing_staging cascade")
    connection.execute(
        "delete from ai_gateway_billing._dlt_pipeline_state where _dlt_load_id < "
        "(select max(_dlt_load_id) from ai_gateway_billing._dlt_pipeline_state)"
    )
    connection.execute("checkpoint")
