"""Destinations other than the DuckDB file: refused before anything happens, or used with a word of warning."""

from __future__ import annotations

import logging
import pkgutil
import sys
from pathlib import Path

import dlt.destinations.impl
import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import destinations
from support.bench import Bench
from support.constants import ACCOUNT

UNABLE = {
    "athena": "times",
    "destination": "rows",
    "dremio": "times",
    "dummy": "rows",
    "fabric": "times",
    "filesystem": "rows",
    "lance": "rows",
    "lancedb": "rows",
    "qdrant": "rows",
    "sqlalchemy": "decimals",
    "weaviate": "rows",
}
WITHOUT_DRIVER = ["bigquery", "clickhouse", "databricks", "mssql", "snowflake", "synapse"]
DUCKDB_ELSEWHERE = "dlt.destinations.duckdb"
"""Given by its full name it is a destination like any other."""


def refusal(name: str) -> str:
    with pytest.raises(SettingsError) as caught, destinations.opened(name):
        pass
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("name", UNABLE)
def test_what_cannot_hold_the_rows_exactly_is_refused(name: str) -> None:
    words = {"rows": "replace rows", "times": "keep times exact", "decimals": "keep decimals exact"}

    told = refusal(name)

    assert words[UNABLE[name]] in told
    assert "Use duckdb" in told
    assert "postgres" in told


def test_every_destination_of_dlt_is_either_refused_or_thought_of() -> None:
    known = {each.name for each in pkgutil.iter_modules(dlt.destinations.impl.__path__)}

    assert known == {*UNABLE, *WITHOUT_DRIVER, "duckdb", "ducklake", "motherduck", "postgres", "redshift"}


@pytest.mark.parametrize("name", ["nowhere", "no.where", "os", "", "Postgres", "dlt.destinations.Nothing", "duck db"])
def test_what_there_is_not_is_refused(name: str) -> None:
    told = refusal(name)

    assert told.startswith("There is no destination")
    assert "Use duckdb" in told


@pytest.mark.parametrize("name", WITHOUT_DRIVER)
def test_a_missing_driver_says_what_to_install(name: str) -> None:
    assert f'pip install "dlt[{name}]"' in refusal(name)


def test_a_missing_setting_is_named() -> None:
    told = refusal("motherduck")

    assert "lacks a setting: credentials" in told
    assert "[destination.motherduck]" in told


@pytest.mark.parametrize("name", ["filesystem", "nowhere", "postgres", "motherduck"])
def test_a_refusal_comes_before_any_request_and_any_file(name: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.account()

    with pytest.raises(SettingsError):
        bench.load([ACCOUNT], destination=name)

    assert bench.simulator.requests == []
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_able_gets_the_rows_and_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = tmp_path / "elsewhere.duckdb"
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(elsewhere))
    monkeypatch.setenv("DESTINATION__DUCKDB__NAMING_CONVENTION", "direct")
    bench = Bench(tmp_path)
    bench.account()

    with caplog.at_level(logging.WARNING):
        result = [bench.load([ACCOUNT], destination=DUCKDB_ELSEWHERE) for _ in range(2)][-1]

    assert result.exit_code == 0
    assert f"{DUCKDB_ELSEWHERE} was not tested here." in caplog.text
    assert not bench.database.exists()
    with duckdb.connect(str(elsewhere), read_only=True) as connection:
        assert connection.execute("select count(*) from ai_gateway_billing.credit_balance").fetchall() == [(1,)]


def test_a_missing_driver_says_which_extra_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    for module in ("sql_client", "postgres"):
        monkeypatch.delitem(sys.modules, f"dlt.destinations.impl.postgres.{module}", raising=False)

    with pytest.raises(SettingsError) as caught, destinations.opened("postgres"):
        pass

    assert "pip install '.[postgres]'" in str(caught.value)
