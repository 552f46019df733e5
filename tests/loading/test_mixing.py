"""The demo's account and real ones never meet in one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID
from ai_gateway_billing_pipeline.loading import store
from ai_gateway_billing_pipeline.loading.mixing import refuse
from ai_gateway_billing_pipeline.loading.sql import FileSql
from ai_gateway_billing_pipeline.settings import Store
from support.bench import Bench
from support.constants import ACCOUNT, OTHER
from support.lake import Lake
from support.postgres import Database

REAL = "a" * 32


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "work.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema ai_gateway_billing")
        connection.execute(
            "create table ai_gateway_billing.credit_balance (account_id varchar, _dlt_valid_from timestamptz)"
        )
    return path


def hold(database: Path, *account_ids: str) -> None:
    with duckdb.connect(str(database)) as connection:
        for account_id in account_ids:
            connection.execute("insert into ai_gateway_billing.credit_balance values (?, now())", [account_id])


def refuse_in(database: Path, loaded: str, is_demo: bool, *more: str) -> None:
    with duckdb.connect(str(database)) as connection:
        refuse(FileSql(connection), "billing.duckdb", [loaded, *more], is_demo)


@pytest.mark.parametrize(
    ("held", "loaded", "is_demo", "words"),
    [
        ([DEMO_ACCOUNT_ID], REAL, False, "contains the demo's simulated account"),
        ([REAL], DEMO_ACCOUNT_ID, True, "contains a real account"),
        ([REAL, DEMO_ACCOUNT_ID], DEMO_ACCOUNT_ID, True, "contains a real account"),
    ],
)
def test_what_would_mix_is_refused(database: Path, held: list[str], loaded: str, is_demo: bool, words: str) -> None:
    hold(database, *held)

    with pytest.raises(SettingsError, match=words):
        refuse_in(database, loaded, is_demo)


@pytest.mark.parametrize(
    ("held", "loaded", "is_demo"),
    [
        ([], REAL, False),
        ([], DEMO_ACCOUNT_ID, True),
        ([REAL], REAL, False),
        ([DEMO_ACCOUNT_ID], DEMO_ACCOUNT_ID, True),
        ([DEMO_ACCOUNT_ID, REAL], DEMO_ACCOUNT_ID, False),  # somebody's own simulator
    ],
)
def test_all_else_is_welcome(database: Path, held: list[str], loaded: str, is_demo: bool) -> None:
    hold(database, *held)

    refuse_in(database, loaded, is_demo, *([REAL] if loaded != REAL and not is_demo else []))


def test_a_first_load_has_nothing_to_mix_with(tmp_path: Path) -> None:
    refuse_in(tmp_path / "none.duckdb", REAL, is_demo=True)


@pytest.mark.stores
def test_the_demo_is_refused_by_a_load_into_postgres_with_a_real_account(bench: Bench, postgres: Database) -> None:
    bench.load_well([ACCOUNT], destination="postgres")
    bench.account(DEMO_ACCOUNT_ID)
    held = "select count(*) from ai_gateway_billing.usage_hourly"

    with pytest.raises(SettingsError, match="postgres contains a real account"):
        bench.load([DEMO_ACCOUNT_ID], destination="postgres", is_demo=True)

    assert postgres.rows(held) == [(24,)]


@pytest.fixture
def taken(lake: Lake) -> Iterator[Lake]:
    """A lake with a real account."""
    with store.changed(Store(Path("billing.duckdb"), "ducklake")) as sql:
        sql.execute("create schema ai_gateway_billing")
        sql.execute("create table ai_gateway_billing.shard_accounts as select %s as account_id", OTHER)
    return lake


@pytest.mark.stores
def test_the_demo_is_refused_where_a_real_account_is(bench: Bench, taken: Lake) -> None:
    bench.account(DEMO_ACCOUNT_ID)

    with pytest.raises(SettingsError, match="ducklake contains a real account"):
        bench.load([DEMO_ACCOUNT_ID], destination="ducklake", is_demo=True)

    assert taken.rows("from ai_gateway_billing.shard_accounts") == [(OTHER,)]
