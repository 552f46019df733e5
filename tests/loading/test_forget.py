"""Deleting what is stored of one account: rows of every table, and its part of dlt's state."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from dlt.common.versioned_state import compress_state, decompress_state

from ai_gateway_billing_pipeline.loading import forget
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support.constants import ACCOUNT, OTHER

STATES = "pipeline_name varchar, _dlt_load_id varchar, version bigint, version_hash varchar, state varchar"


@pytest.fixture
def sql() -> FileSql:
    connection = duckdb.connect()
    connection.execute("create schema ai_gateway_billing")
    sql = FileSql(connection)
    for table in ("usage_daily", "invoices", "credit_balance"):
        sql.execute(f"create table ai_gateway_billing.{table} (account_id varchar, n integer)")
    for account_id in (ACCOUNT, OTHER, OTHER.upper()):
        sql.execute("insert into ai_gateway_billing.usage_daily values (%s, 1)", account_id)
    sql.execute("insert into ai_gateway_billing.invoices values (%s, 1)", ACCOUNT)
    sql.execute("create table ai_gateway_billing.load_settings (usage_unit varchar)")
    sql.execute("create view ai_gateway_billing.mine as from ai_gateway_billing.usage_daily")
    return sql


def rows(sql: FileSql, table: str) -> list[tuple[Any, ...]]:
    return list(sql.execute(f"from ai_gateway_billing.{table} order by all"))


def test_what_is_held_is_counted_however_an_id_is_spelled_and_views_are_no_tables(sql: FileSql) -> None:
    assert forget.held(sql, OTHER) == {"usage_daily": 2}
    assert forget.held(sql, ACCOUNT) == {"invoices": 1, "usage_daily": 1}
    assert forget.held(sql, "c" * 32) == {}


def test_all_of_it_goes_and_nothing_of_another(sql: FileSql) -> None:
    forget.forget(sql, OTHER)

    assert forget.held(sql, OTHER) == {}
    assert rows(sql, "usage_daily") == [(ACCOUNT, 1)]
    assert rows(sql, "invoices") == [(ACCOUNT, 1)]


@pytest.mark.parametrize("spelled", [OTHER, OTHER.upper()])
def test_the_state_forgets_it_wherever_it_stands_and_counts_one_more(sql: FileSql, spelled: str) -> None:
    def state(*ids: str) -> dict[str, Any]:
        return {
            "_state_version": 4, "_version_hash": "old", "_state_engine_version": 4,
            "sources": {"ours": {"cursors": {each: {"read_until": "2026"} for each in ids}, "seen": [*ids, 5]}},
        }  # fmt: skip

    sql.execute(f"create table ai_gateway_billing._dlt_pipeline_state ({STATES})")
    for name in ("ours", "theirs"):
        packed = compress_state(state(ACCOUNT, spelled))
        sql.execute("insert into ai_gateway_billing._dlt_pipeline_state values (%s, '1', 4, 'old', %s)", name, packed)

    forget.forget(sql, OTHER)

    for _, _, version, mark, packed in rows(sql, "_dlt_pipeline_state"):
        found = decompress_state(packed)
        assert found["sources"] == state(ACCOUNT)["sources"]
        assert (version, mark) == (found["_state_version"], found["_version_hash"])
        assert version == 5
        assert mark != "old"
