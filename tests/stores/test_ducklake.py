"""Loads into a DuckLake: views in it, and what is refused."""

from __future__ import annotations

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
from support.command import aig
from support.constants import ACCOUNT, OTHER
from support.lake import Lake
from support.processes import LOOPBACK, Gate, Place, Step, at, call_of

pytestmark = LOOPBACK
VIEWS = [name for name in views.VIEWS if name not in views.MACROS]
WHERE = Store(Path("billing.duckdb"), "ducklake")


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


@pytest.mark.parametrize(
    ("made", "comment"),
    [
        ("view mine as select 1 as amount", "column mine.amount"),
        ("macro mine(amount) as amount", "macro mine"),
        ("macro mine(amount) as table select amount", "macro table mine"),
    ],
)
def test_a_lake_still_takes_no_comments_on_macros_and_columns_of_views(
    file_lake: Lake, made: str, comment: str
) -> None:
    """As `views.store` and the README say: when it does, both can have them."""
    with duckdb.connect() as connection:
        address = file_lake.catalog.replace("duckdb:///", "ducklake:")
        connection.execute(f"attach '{address}' as lake (data_path '{file_lake.storage}')")
        connection.execute("use lake")
        connection.execute(f"create {made}")

        with pytest.raises(duckdb.BinderException, match=r"(?i)comment"):
            connection.execute(f"comment on {comment} is 'what it is'")


# --- one writer at a time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catalog", "attempt"),
    [
        ("postgresql", call_of("ai_gateway_billing_pipeline.loading.locks", "Advisory._ask")),
        ("sqlite", call_of("filelock", "FileLock._acquire")),
    ],
)
def test_a_lake_that_is_being_loaded_is_busy_and_can_be_waited_for(
    bench: Bench,
    catalog: str,
    attempt: Step,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = lakes.in_a_file(catalog, tmp_path, monkeypatch) if catalog == "sqlite" else request.getfixturevalue("lake")
    holds, waits = Gate(), Gate()
    with bench.simulator.serve() as url:
        place = Place(tmp_path, url, bench.simulator, ["--start", bench.start]).into("ducklake")
        holder = place.start(prepare=at(call_of("dlt", "Pipeline.extract"), holds))
        holds.reached()
        refused = place.run()
        waiting = place.start("--wait", "600", prepare=at(attempt, waits))
        waits.reached()  # it has tried once, in vain
        holds.opened.set()
        endings = [holder.end()]
        waits.opened.set()
        endings.append(waiting.end())

    assert (refused.code, [each.code for each in endings]) == (5, [0, 0]), endings
    assert "The lake ducklake is in use by " in refused.err
    assert "--wait SECONDS" in refused.err
    assert lake.rows("select count(*) from ai_gateway_billing.usage_hourly") == [(24,)]
    asked = aig("query", "select count(*) from spend.hourly where amount > 0", "--csv", "--destination", "ducklake")
    assert asked.out.split()[1:] == ["23"], asked


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
