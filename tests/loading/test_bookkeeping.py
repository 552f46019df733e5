"""What loads keep in order beside dlt: settings, names, budgets, what earlier versions wrote, and dlt's own tables."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib import metadata
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.budgets import Budget
from ai_gateway_billing_pipeline.loading import bookkeeping
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support.bench import Bench
from support.constants import ACCOUNT, DAY, NOW, OTHER
from support.postgres import Database

BEFORE = NOW - DAY
BOOKS = ("load_status", "quarantine", "unknown_fields")
LINES = "invoice_preview__invoice_lines"
DLT = ("_dlt_pipeline_state", "_dlt_loads", "_dlt_version")


@pytest.fixture
def sql() -> FileSql:
    connection = duckdb.connect()
    connection.execute("create schema ai_gateway_billing")
    return FileSql(connection)


def make(sql: FileSql, *tables: str, columns: str = "account_id varchar") -> None:
    for table in tables:
        sql.execute(f"create table ai_gateway_billing.{table} ({columns})")


def held(sql: FileSql, table: str) -> list[tuple[Any, ...]]:
    return list(sql.execute(f"from ai_gateway_billing.{table} order by all"))


# --- settings, names and budgets -----------------------------------------------------------------------------------


def test_the_unit_and_the_version_are_those_of_the_last_load(sql: FileSql) -> None:
    for unit in ("cents", "dollars", "dollars"):
        bookkeeping.write_settings(sql, unit)

    assert held(sql, "load_settings") == [("dollars", metadata.version("cloudflare-ai-gateway-billing"))]


def test_tables_of_an_earlier_version_get_the_columns_that_came_since(sql: FileSql) -> None:
    make(sql, "load_settings", columns="usage_unit varchar")
    sql.execute("insert into ai_gateway_billing.load_settings values ('dollars')")

    bookkeeping.write_settings(sql, "cents")

    assert held(sql, "load_settings") == [("cents", metadata.version("cloudflare-ai-gateway-billing"))]


def names_after(sql: FileSql, *loads: tuple[dict[str, str], dict[str, str]]) -> list[tuple[Any, ...]]:
    bookkeeping.write_settings(sql, "cents")
    for days, (names, aliases) in enumerate(loads):
        bookkeeping.write_names(sql, [ACCOUNT], names, aliases, BEFORE + days * DAY)
    return list(sql.execute("select account_id, name, alias, named_at from ai_gateway_billing.account_names"))


@pytest.mark.parametrize(
    ("loads", "row"),
    [
        ([({ACCOUNT: "Acme"}, {})], ("Acme", None, BEFORE)),
        ([({ACCOUNT: "Acme"}, {}), ({ACCOUNT: "Acme"}, {})], ("Acme", None, BEFORE)),
        ([({ACCOUNT: "Acme"}, {}), ({ACCOUNT: "Acme Inc."}, {})], ("Acme Inc.", None, NOW)),
        ([({ACCOUNT: "Acme"}, {ACCOUNT: "prod"}), ({}, {})], ("Acme", None, BEFORE)),
        ([({ACCOUNT: "Acme"}, {}), ({}, {ACCOUNT: "prod"})], ("Acme", "prod", BEFORE)),
        ([({OTHER: "Other"}, {OTHER: "x"})], None),
    ],
    ids=["new", "the same", "another", "not heard, alias gone", "an alias alone", "of nobody here"],
)
def test_a_name_stays_until_another_is_heard_and_an_alias_as_long_as_it_is_set(
    sql: FileSql, loads: list[tuple[dict[str, str], dict[str, str]]], row: tuple[Any, ...] | None
) -> None:
    assert names_after(sql, *loads) == ([(ACCOUNT, *row)] if row else [])


def test_budgets_are_those_of_the_settings(sql: FileSql) -> None:
    bookkeeping.write_settings(sql, "cents")
    team, model = Budget("team", Decimal(80), "month"), Budget("model", Decimal("2.5"), "day", "EUR")

    bookkeeping.write_budgets(sql, [team, model])
    bookkeeping.write_budgets(sql, [model])

    assert sql.execute("select name, amount, currency, period from ai_gateway_billing.budgets") == [
        ("model", Decimal("2.5"), "EUR", "day")
    ]
    bookkeeping.write_budgets(sql, [])
    assert held(sql, "budgets") == []


# --- tables of others ----------------------------------------------------------------------------------------------


def test_tables_of_earlier_versions_lose_their_keys_and_no_row(sql: FileSql) -> None:
    make(
        sql, "load_status",
        columns="account_id varchar, resource varchar, last_attempt_at timestamptz, last_success_at timestamptz, "
        "primary key (account_id, resource)",
    )  # fmt: skip
    for row in ((ACCOUNT, "invoices", NOW, BEFORE), (OTHER, "invoices", NOW, None)):
        sql.execute("insert into ai_gateway_billing.load_status values (%s, %s, %s, %s)", *row)

    for _ in range(2):
        bookkeeping.adopt(sql)
        bookkeeping.add_listed(sql)

    assert held(sql, "load_status") == [
        (ACCOUNT, "invoices", NOW, BEFORE, NOW),
        (OTHER, "invoices", NOW, None, None),
    ]
    sql.execute(
        "insert into ai_gateway_billing.load_status (account_id, resource) values (%s, %s)", ACCOUNT, "invoices"
    )


@pytest.mark.parametrize(
    ("present", "loaded", "lost"),
    [
        ([], None, []),
        (["mine"], None, []),
        ([*DLT, *BOOKS, "invoices"], ["invoices"], []),
        ([*DLT, *BOOKS], ["invoices"], ["invoices"]),
        ([*DLT, *BOOKS, "usage_daily"], ["usage_daily"], ["usage_coverage"]),
        ([*DLT, *BOOKS, "invoice_preview", LINES], ["invoice_preview"], [f"{LINES}__pretax_credit_amounts"]),
        ([*DLT[1:], *BOOKS], [], ["_dlt_pipeline_state"]),
        (DLT, None, [*BOOKS]),
        ([*DLT, "load_status"], [], ["quarantine", "unknown_fields"]),
        (BOOKS, [], sorted(DLT)),
    ],
)
def test_a_table_that_was_there_and_is_no_more_is_lost(
    sql: FileSql, present: list[str], loaded: list[str] | None, lost: list[str]
) -> None:
    make(sql, *present, columns="account_id varchar, resource varchar")
    for resource in loaded or ():
        sql.execute("insert into ai_gateway_billing.load_status values (%s, %s)", ACCOUNT, resource)

    assert bookkeeping.lost_tables(sql) == lost


def test_forgetting_the_state_touches_no_row_of_ours(sql: FileSql) -> None:
    make(sql, *DLT[:2], "usage_daily")
    sql.execute("insert into ai_gateway_billing.usage_daily values (%s)", ACCOUNT)

    bookkeeping.forget_state(sql)

    assert sql.execute("select table_name from information_schema.tables") == [("usage_daily",)]
    assert held(sql, "usage_daily") == [(ACCOUNT,)]


# --- what dlt never deletes ------------------------------------------------------------------------------------------


@pytest.fixture
def dlts(sql: FileSql) -> FileSql:
    make(sql, "_dlt_pipeline_state", columns="version bigint, pipeline_name varchar, _dlt_load_id varchar")
    make(sql, "_dlt_version", columns="schema_name varchar, inserted_at timestamptz")
    make(sql, "_dlt_loads", columns="load_id varchar, schema_name varchar, inserted_at timestamptz")
    return sql


def test_of_the_states_the_newest_by_its_own_count_stays(dlts: FileSql) -> None:
    for row in ((2, "ours", "b"), (10, "ours", "a"), (10, "ours", "c"), (1, "theirs", "d")):
        dlts.execute("insert into ai_gateway_billing._dlt_pipeline_state values (%s, %s, %s)", *row)

    bookkeeping.prune(dlts, "ours", NOW)

    assert held(dlts, "_dlt_pipeline_state") == [(1, "theirs", "d"), (10, "ours", "c")]


def test_of_the_schemas_the_newest_stays_and_those_of_others(dlts: FileSql) -> None:
    for row in (("ai_gateway_billing", BEFORE), ("ai_gateway_billing", NOW), ("theirs", BEFORE), ("theirs", NOW)):
        dlts.execute("insert into ai_gateway_billing._dlt_version values (%s, %s)", *row)

    bookkeeping.prune(dlts, "ours", NOW)

    assert held(dlts, "_dlt_version") == [("ai_gateway_billing", NOW), ("theirs", BEFORE), ("theirs", NOW)]


def test_loads_stay_for_35_days_and_as_long_as_a_state_is_of_them(dlts: FileSql) -> None:
    dlts.execute("insert into ai_gateway_billing._dlt_pipeline_state values (1, 'ours', 'of the state')")
    old = NOW - 36 * DAY
    for row in (
        ("35 days", "ai_gateway_billing", NOW - 35 * DAY),
        ("old", "ai_gateway_billing", old),
        ("of the state", "ai_gateway_billing", old),
        ("theirs", "theirs", old),
    ):
        dlts.execute("insert into ai_gateway_billing._dlt_loads values (%s, %s, %s)", *row)

    bookkeeping.prune(dlts, "ours", NOW)

    assert [row[0] for row in held(dlts, "_dlt_loads")] == ["35 days", "of the state", "theirs"]


@pytest.mark.stores
def test_states_and_loads_of_dlt_do_not_pile_up(bench: Bench, postgres: Database) -> None:
    for _ in range(4):
        bench.load_well([ACCOUNT], destination="postgres")
        bench.now += timedelta(days=20)
        bench.world.inject("credit-balance", f"extra_{bench.now:%d}", 1)

    for table in ("_dlt_pipeline_state", "_dlt_version"):
        assert postgres.rows(f"select count(*) from ai_gateway_billing.{table}") == [(1,)], table
