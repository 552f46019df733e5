"""One way to write SQL for DuckDB and Postgres."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from ai_gateway_billing_pipeline.loading.sql import FileSql, columns, tables

DOUBLE = '"'
QUOTED = f"it's {DOUBLE}so{DOUBLE}"


@pytest.fixture
def sql() -> FileSql:
    connection = duckdb.connect()
    connection.execute("create schema ai_gateway_billing; set timezone = 'Asia/Kolkata'")
    return FileSql(connection)


def test_values_are_taken_in_the_order_in_which_they_stand(sql: FileSql) -> None:
    """DuckDB 1 counts places without a number in an order of its own; since 2 there is nothing to notice."""
    sql.execute("create table ai_gateway_billing.t (a integer, b integer)")
    sql.execute("insert into ai_gateway_billing.t values (1, 2)")

    sql.execute("update ai_gateway_billing.t set a = %s, b = %s from (select %s as n) as one where a = n", 7, 8, 1)

    assert sql.execute("select a, b from ai_gateway_billing.t") == [(7, 8)]


def test_times_are_utc_whatever_the_machine_thinks(sql: FileSql) -> None:
    ((moment, day),) = sql.execute("select t, t::date from (select '2026-11-22 20:00:00Z'::timestamptz as t)")

    assert (moment, f"{day}") == (datetime(2026, 11, 22, 20, tzinfo=UTC), "2026-11-22")


def test_only_tables_of_ours_are_listed(sql: FileSql) -> None:
    sql.execute("create table ai_gateway_billing.usage_daily (account_id varchar, day date)")
    sql.execute("create view ai_gateway_billing.a_view as select 1 as one")
    sql.execute(f'create table ai_gateway_billing."{QUOTED.replace(DOUBLE, 2 * DOUBLE)}" (n integer)')
    sql.execute("create table main.mine (secret varchar)")
    sql.execute("attach ':memory:' as other")
    sql.execute("create schema other.ai_gateway_billing")
    sql.execute("create table other.ai_gateway_billing.theirs (n integer)")

    assert tables(sql) == {"usage_daily", QUOTED}
    assert columns(sql) == {("usage_daily", "account_id"), ("usage_daily", "day"), (QUOTED, "n")}
    assert columns(sql, QUOTED, "not there") == {(QUOTED, "n")}
