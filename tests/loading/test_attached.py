"""A load attaches its lake once, and anew when that was long ago."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.loading import attached, destinations, places
from ai_gateway_billing_pipeline.loading.databases import Database
from support.bench import Bench
from support.constants import ACCOUNT
from support.lake import Lake

pytestmark = pytest.mark.stores


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The databases that DuckDB opened meanwhile."""
    found: list[str] = []
    connect = duckdb.connect

    def noting(database: str = ":memory:", **settings: Any) -> duckdb.DuckDBPyConnection:
        found.append(database)
        return connect(database, **settings)

    monkeypatch.setattr(duckdb, "connect", noting)
    return found


def test_a_load_attaches_its_lake_once(bench: Bench, lake: Lake, opened: list[str]) -> None:
    bench.load_well([ACCOUNT], destination="ducklake")

    assert opened == [":memory:"]
    assert lake.rows("select count(*) from ai_gateway_billing.usage_hourly") == [(24,)]


@pytest.fixture
def place(file_lake: Lake) -> Iterator[Database]:
    """The lake, held as a load does."""
    with destinations.opened("ducklake") as destination:
        assert destination
        held = places.database("ducklake", None, destination)
        with held.held(0):
            yield held


def test_a_lake_that_was_attached_long_ago_is_attached_anew_when_nobody_uses_it(
    place: Database, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attached, "_LONGEST_S", 0)

    with place.sql() as first:
        first.execute("begin")
        first.execute("create schema mine")
        with place.sql() as second:
            second.execute("select 1")
        first.execute("create table mine.one (name varchar)")
        first.execute("commit")
    assert len(opened) == 1

    with place.sql() as sql:
        assert list(sql.execute("from mine.one")) == []
    assert len(opened) == 2


def test_each_client_has_a_transaction_of_its_own(place: Database) -> None:
    count = "select count(*) from ai_gateway_billing.mine"
    with place.sql() as writes, place.sql() as reads:
        writes.execute("create schema ai_gateway_billing")
        writes.execute("create table ai_gateway_billing.mine (name varchar)")
        writes.execute("begin")
        writes.execute("insert into ai_gateway_billing.mine values (%s)", "one")
        seen = [list(sql.execute(count)) for sql in (writes, reads)]

    with place.sql() as later:
        assert (seen, list(later.execute(count))) == ([[(1,)], [(0,)]], [(0,)])
