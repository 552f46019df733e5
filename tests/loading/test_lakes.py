"""A DuckLake as the place of a load: views in it, and one writer at a time."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from ai_gateway_billing.errors import DatabaseBusyError
from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.loading import places
from ai_gateway_billing_pipeline.loading.lakes import catalog_url, name, store_views, tidy
from ai_gateway_billing_pipeline.loading.sql import ClientSql
from support import lake as lakes
from support.bench import Bench
from support.command import aig
from support.constants import ACCOUNT
from support.lake import Lake
from support.processes import LOOPBACK, Gate, Place, Step, at, call_of

pytestmark = LOOPBACK
VIEWS = [name for name in views.VIEWS if name not in views.MACROS]


def rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Any]:
    """All rows as text, so that each digit counts, with the names and types of the columns in front."""
    described = [row[:2] for row in connection.execute(f"describe from {relation}").fetchall()]
    texts = ", ".join(f'"{name}"::varchar' for name, _ in described)
    return [described, *connection.execute(f"select {texts} from {relation} order by all").fetchall()]


@pytest.mark.stores
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


@pytest.mark.stores
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


@pytest.mark.stores
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


# --- without a lake ------------------------------------------------------------------------------------------------


@pytest.fixture
def credentials() -> DuckLakeCredentials:
    return DuckLakeCredentials("mine", catalog="postgresql://me:open-sesame@127.0.0.1:1/billing")


def test_the_catalog_is_where_its_locks_are(credentials: DuckLakeCredentials) -> None:
    assert catalog_url(credentials) == "postgresql://me:open-sesame@127.0.0.1:1/billing"


def test_lakes_that_share_a_catalog_are_told_apart_as_the_catalog_does(credentials: DuckLakeCredentials) -> None:
    assert name(credentials) == "mine"

    credentials.metadata_schema = "theirs"

    assert name(credentials) == "theirs"


def test_a_lake_with_its_catalog_in_a_file_has_one_writer_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG", f"sqlite:///{tmp_path}/catalog.sqlite")
    settings = [Bench(tmp_path).settings(destination="ducklake", shard=shard) for shard in ("eu", "us")]
    told = "^The lake ducklake is in use by another process.*--wait SECONDS"

    with places.opened(settings[0]) as first, places.opened(settings[1]) as second:
        with first.held(0), pytest.raises(DatabaseBusyError, match=told), second.held(0):
            pass
        with second.held(0):
            pass


def test_a_lake_that_takes_no_views_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "lake.duckdb")
    duckdb.connect(path).close()

    with duckdb.connect(path, read_only=True) as connection:
        store_views(connection, "cents")

    assert [message.partition(":")[0] for message in caplog.messages] == [
        "The lake was loaded, but the views of spend could not be stored in it"
    ]


def test_a_lake_that_cannot_be_tidied_up_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    destination = dlt.destinations.duckdb(str(tmp_path / "lake.duckdb"))
    with dlt.pipeline("any", pipelines_dir=str(tmp_path), destination=destination).sql_client() as client:
        client.execute_sql("set autoinstall_known_extensions = false")
        tidy(ClientSql(client), "lake")

    (message,) = caplog.messages
    assert message.startswith("The lake was loaded, but not tidied up: ")
    assert message.endswith(". The next load tries again.")
