"""The names of one of several writers, and which account is whose."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import shards
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support.bench import Bench
from support.constants import ACCOUNT, HOUR, NOW, OTHER, TODAY


@pytest.mark.parametrize("name", ["eu", "team_2", "a1", "a" * 32])
def test_a_name_that_dlt_leaves_as_it_is_is_taken(name: str) -> None:
    assert shards.checked(name) == name


@pytest.mark.parametrize("name", ["EU", "a-b", "a__b", "a_", "_a", "1a", "a b", "ä", "a" * 33, "a\n", 'a"'])
def test_a_name_that_dlt_would_change_is_refused(name: str) -> None:
    """Two of them could become one."""
    with pytest.raises(SettingsError, match="cannot be a name") as caught:
        shards.checked(name)

    assert caught.value.exit_code == 2


@pytest.mark.parametrize("none", [None, ""])
def test_no_name_is_a_writer_of_its_own(none: str | None) -> None:
    assert shards.checked(none) is None
    assert shards.pipeline_name(none) != shards.pipeline_name("eu")


def test_no_two_of_all_schemas_are_the_same() -> None:
    names = [None, "eu", "staging", "staging_eu"]

    schemas = ["ai_gateway_billing", *map(shards.staging_dataset, names)]

    assert len(set(schemas)) == len(schemas)


# --- which account is whose ----------------------------------------------------------------------------------------


@pytest.fixture
def sql() -> FileSql:
    return FileSql(duckdb.connect())


def claim(sql: FileSql, shard: str | None, *account_ids: str, take_over: bool = False) -> list[str]:
    return shards.claim(sql, shard, account_ids, NOW, take_over=take_over)


def test_an_account_is_whose_load_claims_it_first_and_is_new_once(sql: FileSql) -> None:
    assert claim(sql, "eu", "a", "b") == ["a", "b"]
    assert claim(sql, "eu", "a", "c") == ["c"]
    assert claim(sql, None, "d") == ["d"]

    assert shards.owners(sql) == {"a": "eu", "b": "eu", "c": "eu", "d": ""}


@pytest.mark.parametrize(("owner", "other"), [("eu", "us"), ("eu", None), (None, "us")])
def test_an_account_of_another_is_refused_and_nothing_is_claimed(
    sql: FileSql, owner: str | None, other: str | None
) -> None:
    claim(sql, owner, "a")

    with pytest.raises(SettingsError, match=f"Account a belongs to {shards.named(owner)}"):
        claim(sql, other, "new", "a")

    assert shards.owners(sql) == {"a": owner or ""}


def test_what_is_taken_over_changes_hands_and_nothing_else_does(sql: FileSql) -> None:
    claim(sql, "eu", "a", "b")

    assert claim(sql, "us", "a", take_over=True) == []

    rows = sql.execute("select account_id, shard from ai_gateway_billing.shard_accounts order by all")
    assert rows == [("a", "us"), ("b", "eu")]


def test_what_was_loaded_before_there_were_shards_belongs_to_the_load_without_one(sql: FileSql) -> None:
    sql.execute("create schema ai_gateway_billing")
    sql.execute("create table ai_gateway_billing.load_status as select unnest(['a', 'a', 'b']) as account_id")

    assert shards.foreign(sql, "eu", ["a", "new"]) == {"a": ""}
    assert shards.foreign(sql, None, ["a", "new"]) == {}
    assert claim(sql, None, "a", "new") == ["new"]
    claim(sql, "eu", "b", take_over=True)
    assert shards.owners(sql) == {"a": "", "b": "eu", "new": ""}


def test_every_one_of_many_accounts_is_claimed(sql: FileSql) -> None:
    """Some thousands, more than one statement claims."""
    many = [f"{n}" for n in range(2_001)]

    assert claim(sql, "eu", *many) == many
    assert shards.owners(sql) == dict.fromkeys(many, "eu")


def test_a_released_account_is_nobodys(sql: FileSql) -> None:
    claim(sql, "eu", "a", "b")

    shards.release(sql, ["a"])

    assert claim(sql, "us", "a") == ["a"]
    assert shards.owners(sql) == {"a": "us", "b": "eu"}


@pytest.mark.thorough
def test_shards_of_one_file_load_one_after_the_other(tmp_path: Path) -> None:
    bench = Bench(tmp_path, start="2026-11-20")
    for account_id in (ACCOUNT, OTHER):
        bench.account(account_id).set_hour(TODAY, 5)
    for _ in range(2):
        bench.load_well([ACCOUNT], shard="eu")
        bench.load_well([OTHER], shard="us")
        bench.now += HOUR

    bench.now -= HOUR
    bench.assert_equals_world()
    with pytest.raises(SettingsError, match="belongs to shard eu"):
        bench.load([ACCOUNT])
