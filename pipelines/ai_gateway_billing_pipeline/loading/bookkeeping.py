"""Small tables about the loads themselves, written beside dlt's in the working file.

`load_status`: how each resource of each account went last. `quarantine`: raw items that broke the contract.
`unknown_fields`: fields that the contract does not know, since when. `account_names`: what accounts are called.
`budgets`: those of the settings.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import duckdb

from ai_gateway_billing.outcome import Outcomes, Quarantined
from ai_gateway_billing_pipeline.budgets import Budget

_TABLES = """
create schema if not exists ai_gateway_billing;
create table if not exists ai_gateway_billing.load_status (
    account_id varchar, resource varchar, status varchar, error varchar, skipped varchar,
    last_attempt_at timestamptz, last_success_at timestamptz, last_listed_at timestamptz,
    primary key (account_id, resource)
);
alter table ai_gateway_billing.load_status add column if not exists last_listed_at timestamptz;
update ai_gateway_billing.load_status set last_listed_at = last_attempt_at  -- of versions that did not write it
where last_listed_at is null and last_success_at is not null;
create table if not exists ai_gateway_billing.quarantine (
    account_id varchar, resource varchar, field varchar, reason varchar, payload varchar,
    first_seen_at timestamptz, last_seen_at timestamptz,
    primary key (account_id, resource, field, reason, payload)
);
create table if not exists ai_gateway_billing.unknown_fields (
    table_name varchar, field varchar, data_type varchar, first_seen_at timestamptz,
    primary key (table_name, field)
);
create table if not exists ai_gateway_billing.account_names (
    account_id varchar, name varchar, alias varchar, named_at timestamptz,
    primary key (account_id)
);
create table if not exists ai_gateway_billing.budgets (
    name varchar, amount decimal(38, 18), currency varchar, period varchar,
    accounts varchar, model varchar, thresholds varchar,
    primary key (name)
);
"""

_PAYLOAD_LIMIT = 10_000
"""Characters: far more than any documented item has."""

_DLT_TABLES = ("_dlt_pipeline_state", "_dlt_loads", "_dlt_version")


_STATUS = """
insert into ai_gateway_billing.load_status
    (account_id, resource, status, error, skipped, last_attempt_at, last_success_at)
select unnest($1::text[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]),
    $6::timestamptz, unnest($7::timestamptz[])
on conflict do update set status = excluded.status, error = excluded.error, skipped = excluded.skipped,
    last_attempt_at = excluded.last_attempt_at, last_success_at = coalesce(excluded.last_success_at, last_success_at)
"""
_LISTED = """
update ai_gateway_billing.load_status set last_listed_at = $1 where account_id in (select unnest($2::text[]))
"""
_RELEASE = """
delete from ai_gateway_billing.quarantine
where exists (
    from ai_gateway_billing.load_status as now
    where now.last_success_at = $1 and now.account_id = quarantine.account_id
        and starts_with(quarantine.resource, now.resource) and quarantine.last_seen_at <> $1
)
"""
_QUARANTINE = """
insert into ai_gateway_billing.quarantine
select unnest($1::text[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::text[]),
    $6::timestamptz, $6::timestamptz
on conflict do update set last_seen_at = excluded.last_seen_at
"""


_NAMES = """
insert into ai_gateway_billing.account_names
select unnest($1::text[]), unnest($2::text[]), null, $3::timestamptz
on conflict do update set name = excluded.name, named_at = excluded.named_at where name is distinct from excluded.name
"""
_ALIASES = """
insert into ai_gateway_billing.account_names
select unnest($1::text[]), null, unnest($2::text[]), null
on conflict do update set alias = excluded.alias
"""
_BUDGET = """
insert into ai_gateway_billing.budgets (name, amount, currency, period, accounts, model, thresholds)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_NO_ALIAS = "update ai_gateway_billing.account_names set alias = null"


def write(connection: duckdb.DuckDBPyConnection, outcomes: Outcomes, listed: Collection[str], now: datetime) -> None:
    """Record the load's outcomes, and which accounts are there: that they are listed says nothing of their resources.

    A resource that went well clears its account's quarantine of what came before.
    """
    connection.execute("set timezone = 'UTC'")
    connection.execute(_TABLES)
    found = [
        (*key, each.status, None if each.error is None else str(each.error), each.skipped, None if each.error else now)
        for key, each in outcomes.of.items()
    ]
    if found:
        *texts, success = map(list, zip(*found, strict=True))
        connection.execute(_STATUS, [*texts, now, success])
    connection.execute(_LISTED, [now, list(listed)])
    if outcomes.quarantined:
        items = dict.fromkeys(map(_short, outcomes.quarantined))
        connection.execute(_QUARANTINE, [*map(list, zip(*items, strict=True)), now])
    if found:
        connection.execute(_RELEASE, [now])


def write_names(
    connection: duckdb.DuckDBPyConnection, names: Mapping[str, str], aliases: Mapping[str, str], now: datetime
) -> Collection[str]:
    """Record what the API calls the accounts of which anything is stored, and what the settings do.

    A name that was not heard stays, an alias that is set no more goes. Returns the ids that only the settings know.
    """
    rows = connection.execute("select account_id from ai_gateway_billing.load_status group by all").fetchall()
    known = {account_id for (account_id,) in rows}
    heard = {account_id: name for account_id, name in names.items() if account_id in known}
    if heard:
        connection.execute(_NAMES, [list(heard), list(heard.values()), now])
    connection.execute(_NO_ALIAS)
    given = {account_id: alias for account_id, alias in aliases.items() if account_id in known}
    if given:
        connection.execute(_ALIASES, [list(given), list(given.values())])
    return sorted(aliases.keys() - known)


def write_budgets(connection: duckdb.DuckDBPyConnection, budgets: Sequence[Budget]) -> None:
    """Put the budgets of the settings in place of those of the load before."""
    connection.execute("delete from ai_gateway_billing.budgets")
    for budget in budgets:
        connection.execute(_BUDGET, budget.row())


def _short(item: Quarantined) -> Quarantined:
    """A payload that DuckDB can keep in a key, told apart from others that begin like it."""
    if len(item.payload) <= _PAYLOAD_LIMIT:
        return item
    mark = hashlib.sha256(item.payload.encode()).hexdigest()[:16]
    payload = f"{item.payload[:_PAYLOAD_LIMIT]}… ({len(item.payload)} characters in all, sha256 {mark})"
    return item._replace(payload=payload)


def new_fields(connection: duckdb.DuckDBPyConnection, outcomes: Outcomes, now: datetime) -> Iterable[tuple[str, str]]:
    """Record unknown fields and return those that came for the first time, as (table, field)."""
    fresh = []
    for (table, name), kind in sorted(outcomes.new_fields.items()):
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
    """Drop what only dlt's next merge would need, and all but the newest of its states, which it never prunes.

    The newest by its own count: dlt goes by the time of the load, so one under a clock that was ahead would rule for
    as long, and every later load would forget how far it came.
    """
    connection.execute("drop schema if exists ai_gateway_billing_staging cascade")
    connection.execute(
        "delete from ai_gateway_billing._dlt_pipeline_state where (version, _dlt_load_id) <> "
        "(select max((version, _dlt_load_id)) from ai_gateway_billing._dlt_pipeline_state)"
    )
    connection.execute("checkpoint")
