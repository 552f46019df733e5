"""Loads into a DuckLake: views in it, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID
from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.loading import store
from ai_gateway_billing_pipeline.settings import Store
from support import lake as lakes
from support.bench import Bench
from support.constants import ACCOUNT, OTHER
from support.lake import Lake

VIEWS = [name for name in views.VIEWS if name not in views.MACROS]
WHERE = Store(Path("billing.duckdb"), "ducklake")


@pytest.fixture(params=["duckdb"])
def file_lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty lake whose catalog is a file."""
    lakes.install_extensions(Path(os.environ["HOME"]))
    made = Lake(f"{request.param}:///{tmp_path}/catalog.{request.param}", tmp_path / "lake")
    for name, value in made.settings().items():
        monkeypatch.setenv(name, value)
    return made


def rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Any]:
    """All rows as text, so that each digit counts, with the names and types of the columns in front."""
    described = [row[:2] for row in connection.execute(f"describe from {relation}").fetchall()]
    texts = ", ".join(f'"{name}"::varchar' for name, _ in described)
    return [described, *connection.execute(f"select {texts} from {relation} order by all").fetchall()]


# --- views -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_whoever_attaches_the_lake_finds_the_views_of_the_file(tmp_path: Path, file_lake: Lake) -> None:
    bench = Bench(tmp_path)
    bench.world.add_generated_account(ACCOUNT, start=bench.now - timedelta(days=3))
    bench.world.add_token(bench.token)
    bench.load_well([ACCOUNT])
    bench.load_well([ACCOUNT], destination="ducklake")

    with file_lake.connect() as connection:
        zone = connection.execute("select sum(amount) from spend.daily_in('Asia/Kolkata')").fetchall()
        connection.execute("use memory")
        found = {name: rows(connection, f"lake.spend.{name}") for name in VIEWS}
        contracts = connection.execute("select view_name, comment from duckdb_views() where schema_name = 'spend'")
        assert dict(contracts.fetchall()) == {name: views.definition(name).contract for name in VIEWS}

    assert [name for name in VIEWS if found[name] != rows(bench.published, f"spend.{name}")] == []
    assert len(found["daily"]) > 3
    assert zone == bench.rows("select sum(amount) from spend.daily")


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def taken(lake: Lake) -> Iterator[Lake]:
    """A lake with a real account."""
    with store.changed(WHERE) as sql:
        sql.execute("create schema ai_gateway_billing")
        sql.execute("create table ai_gateway_billing.shard_accounts as select %s as account_id", OTHER)
    return lake


def test_the_demo_is_refused_where_a_real_account_is(bench: Bench, taken: Lake) -> None:
    bench.account(DEMO_ACCOUNT_ID)

    with pytest.raises(SettingsError, match="ducklake contains a real account"):
        bench.load([DEMO_ACCOUNT_ID], destination="ducklake", is_demo=True)

    assert taken.rows("from ai_gateway_billing.shard_accounts") == [(OTHER,)]


@pytest.mark.parametrize(("user", "database"), [("nobody", "postgres"), ("postgres", "nowhere")])
def test_a_wrong_login_of_the_catalog_is_a_setting(
    user: str, database: str, bench: Bench, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _, _ = lake.catalog.partition("@")[2].partition("/")
    place = "DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG"
    monkeypatch.setenv(place, f"postgresql://{user}:open-sesame@{address}/{database}")

    with pytest.raises(SettingsError) as caught:
        bench.load([ACCOUNT], destination="ducklake")

    assert "The lake refused or lost the connection" in str(caught.value)
    assert "does not exist" in str(caught.value)
    assert "[destination.ducklake.credentials]" in str(caught.value)
    assert "open-sesame" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert bench.simulator.requests == []
