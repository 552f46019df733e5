"""What a load says that cannot write into a database of its own."""

from __future__ import annotations

import duckdb
import pytest

from ai_gateway_billing.errors import BillingError, DatabaseError, SettingsError
from ai_gateway_billing_pipeline.loading import lakes, postgres
from ai_gateway_billing_pipeline.loading.databases import Database
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support import postgres as servers
from support.bench import Bench
from support.constants import ACCOUNT
from support.lake import Lake


def refusal(bench: Bench) -> BillingError:
    with pytest.raises(BillingError) as caught:
        bench.load([ACCOUNT], destination="postgres")
    return caught.value


@pytest.mark.stores
def test_a_refused_connection_says_what_to_check(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, postgres: servers.Database
) -> None:
    url = f"postgresql://me:not-told@127.0.0.1:{postgres.port}/nowhere"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    error = refusal(bench)

    assert isinstance(error, SettingsError)
    assert "Postgres refused or lost the connection" in str(error)
    assert "does not exist" in str(error)
    assert "DESTINATION__POSTGRES__CREDENTIALS" in str(error)
    assert "not-told" not in str(error)
    assert bench.simulator.requests == []


@pytest.mark.stores
def test_a_user_who_may_not_write_is_told_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, postgres: servers.Database
) -> None:
    with postgres.user() as user:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.url.replace("//postgres:", f"//{user}:"))
        error = refusal(bench)

    assert "permission denied" in str(error)
    assert error.exit_code == 1


@pytest.mark.stores
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


# --- without a server ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", ["postgres", "ducklake"])
def test_nobody_listening_is_told_before_anything_is_asked(
    destination: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "postgresql://me:open-sesame@127.0.0.1:1/billing"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    monkeypatch.setenv("DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG", address)

    with pytest.raises(DatabaseError) as caught:
        bench.load([ACCOUNT], destination=destination)

    assert "refused or lost the connection: Connection refused." in str(caught.value)
    assert f"[destination.{destination}.credentials]" in str(caught.value)
    assert "open-sesame" not in str(caught.value)
    assert bench.simulator.requests == []


@pytest.mark.parametrize("kind", [postgres.Postgres, lakes.Lake])
def test_each_shard_drops_the_staging_of_its_own(kind: type[Database]) -> None:
    names = [f"ai_gateway_billing_staging{shard}" for shard in ("", "_eu", "_us")]
    sql = FileSql(duckdb.connect())
    for name in names:
        sql.execute(f"create schema {name}")

    kind("anywhere", "eu", None).drop_staging(sql)

    left = sql.execute("select schema_name from information_schema.schemata where schema_name like 'ai%' order by 1")
    assert left == [(names[0],), (names[2],)]
