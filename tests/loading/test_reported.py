"""What a day and a month said first stays known, whatever the API says of them later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing_pipeline.loading import bookkeeping, reported
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support.bench import Bench
from support.constants import ACCOUNT, HOUR, TODAY
from support.postgres import Database
from support.raw_tables import at

DAYS = "select starts::varchar, first_amount, amount, is_restated from spend.restatements where period = 'day'"
MONTHS = "select starts::varchar, first_amount, amount, is_restated from spend.restatements where period = 'month'"
YESTERDAY = TODAY - timedelta(days=1)


def account(folder: Path) -> Bench:
    """One that has spent five dollars."""
    bench = Bench(folder, start="2026-11-20")
    bench.account().set_hour(YESTERDAY, 500)
    return bench


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    account(folder).with_tables().load_well(grouping="hour")
    return folder


@pytest.fixture
def bench(loaded_once: Path, tmp_path: Path) -> Iterator[Bench]:
    """The account after a load, which each test has for itself."""
    bench = account(tmp_path).after(loaded_once)
    yield bench
    bench.close()


def test_a_day_is_recorded_once_it_is_complete(bench: Bench) -> None:
    assert sorted(bench.rows(DAYS)) == [("2026-11-20", 0, 0, False), ("2026-11-21", 5, 5, False)]


@pytest.mark.parametrize(("hour", "values", "now"), [(1, (250,), "7.5"), (0, (), "0"), (0, (300,), "3")], ids=str)
def test_late_changed_and_withdrawn_usage_changes_what_it_says_now(
    bench: Bench, hour: int, values: tuple[int, ...], now: str
) -> None:
    bench.world.accounts[ACCOUNT].set_hour(YESTERDAY + hour * HOUR, *values)
    bench.now += HOUR
    bench.load_well(grouping="hour")

    assert sorted(bench.rows(DAYS))[1] == ("2026-11-21", 5, Decimal(now), True)
    seen = "select changed_at - first_seen_at from spend.restatements where is_restated"
    assert bench.rows(seen) == [(HOUR,)]


def test_a_load_without_news_changes_nothing(bench: Bench) -> None:
    before = bench.rows("from ai_gateway_billing.usage_reported order by all")
    bench.now += HOUR
    bench.load_well(grouping="hour")

    assert bench.rows("from ai_gateway_billing.usage_reported order by all") == before


def test_a_month_is_recorded_when_its_last_day_is_over_as_it_is_then(tmp_path: Path) -> None:
    bench = Bench(tmp_path, start="2026-10-01", now=at("2026-10-31T10:00"))
    account = bench.account()
    account.set_hour(at("2026-10-05"), 100)
    bench.load_well(grouping="hour")
    assert bench.rows(MONTHS) == []

    account.set_hour(at("2026-10-30"), 200)
    bench.now = at("2026-11-01T00:30")
    bench.load_well(grouping="hour")
    account.set_hour(at("2026-10-31T03:00"), 50)
    bench.now += HOUR
    bench.load_well(grouping="hour")

    assert bench.rows(MONTHS) == [("2026-10-01", 3, Decimal("3.5"), True)]


def test_a_database_from_before_takes_what_it_has_as_first_seen(bench: Bench) -> None:
    bench.close()
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("drop table ai_gateway_billing.usage_reported")
    bench.now += HOUR
    bench.load_well(grouping="hour")

    query = "select starts::varchar, first_amount, first_seen_at from spend.restatements order by starts"
    assert bench.rows(query) == [("2026-11-20", 0, bench.now), ("2026-11-21", 5, bench.now)]


@pytest.mark.stores
def test_another_destination_keeps_the_same(tmp_path: Path, postgres: Database) -> None:
    bench = Bench(tmp_path, start="2026-11-20")
    bench.account().set_hour(YESTERDAY, 500)
    bench.load_well(grouping="hour", destination="postgres")
    bench.world.accounts[ACCOUNT].set_hour(YESTERDAY, 750)
    first, bench.now = bench.now, bench.now + HOUR
    bench.load_well(grouping="hour", destination="postgres")

    query = "select starts, first_usage, first_seen_at, last_usage, last_seen_at from ai_gateway_billing.usage_reported"
    found = sorted(postgres.rows(query))
    assert found == [(date(2026, 11, 20), 0, first, 0, first), (date(2026, 11, 21), 500, first, 750, bench.now)]


# --- in memory ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sql() -> FileSql:
    made = FileSql(duckdb.connect())
    made.execute("create schema ai_gateway_billing")
    bucket = "account_id varchar, bucket_start timestamptz, aggregated_value decimal(38, 18)"
    made.execute(f"create table ai_gateway_billing.usage_hourly ({bucket})")
    read = 'account_id varchar, "grouping" varchar, day date, read_until timestamptz, read_at timestamptz'
    made.execute(f"create table ai_gateway_billing.usage_coverage ({read})")
    bookkeeping.write_settings(made, "cents")
    return made


def complete(sql: FileSql, account_id: str, day: str, cents: int) -> None:
    """A whole day, read when it was over, with all that it cost in its first hour."""
    start = at(day)
    sql.execute("insert into ai_gateway_billing.usage_hourly values (%s, %s, %s)", account_id, start, cents)
    row = (account_id, "hour", start.date(), start + timedelta(days=1), start + timedelta(days=1))
    sql.execute("insert into ai_gateway_billing.usage_coverage values (%s, %s, %s, %s, %s)", *row)


def kept(sql: FileSql) -> list[tuple[object, ...]]:
    query = (
        "select account_id, starts::varchar, first_usage, first_seen_at, last_usage "
        "from ai_gateway_billing.usage_reported order by all"
    )
    return list(sql.execute(query))


def test_each_account_has_figures_of_its_own(sql: FileSql) -> None:
    """Those of the first of a month, too; and those that an earlier load read and no load has recorded."""
    complete(sql, "a", "2026-11-01", 100)
    complete(sql, "a", "2026-11-02", 300)
    complete(sql, "b", "2026-11-01", 200)
    first, second = at("2026-11-03"), at("2026-11-04")

    reported.record(sql, ["a"], first)
    reported.record(sql, ["a", "b"], second)

    assert kept(sql) == [
        ("a", "2026-11-01", 100, first, 100),
        ("a", "2026-11-02", 300, first, 300),
        ("b", "2026-11-01", 200, second, 200),
    ]


def test_what_changes_of_one_account_changes_nothing_of_another(sql: FileSql) -> None:
    complete(sql, "a", "2026-11-01", 100)
    complete(sql, "b", "2026-11-01", 200)
    first, second = at("2026-11-03"), at("2026-11-04")
    reported.record(sql, ["a", "b"], first)
    sql.execute("update ai_gateway_billing.usage_hourly set aggregated_value = 150 where account_id = 'b'")
    sql.execute("update ai_gateway_billing.usage_coverage set read_at = %s", second)

    reported.record(sql, ["a", "b"], second)

    assert kept(sql) == [("a", "2026-11-01", 100, first, 100), ("b", "2026-11-01", 200, first, 150)]
