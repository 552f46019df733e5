"""Mending what a wrong clock wrote, table by table: nothing stays later than now, and the order of versions stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.clock import EXACT, TOLD_FROM
from ai_gateway_billing_pipeline.loading import times
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY
from support.postgres import Database

TICK = timedelta(milliseconds=1)
AHEAD = NOW + 3 * DAY


@pytest.fixture
def sql() -> FileSql:
    connection = duckdb.connect()
    connection.execute("create schema ai_gateway_billing")
    return FileSql(connection)


def hold(sql: FileSql, table: str, columns: str, *rows: tuple[Any, ...]) -> None:
    sql.execute(f"create table ai_gateway_billing.{table} ({columns})")
    for row in rows:
        sql.execute(f"insert into ai_gateway_billing.{table} values ({', '.join(['%s'] * len(row))})", *row)


def held(sql: FileSql, table: str) -> list[tuple[Any, ...]]:
    return list(sql.execute(f"from ai_gateway_billing.{table} order by all"))


VERSIONS = "account_id varchar, _dlt_valid_from timestamptz, _dlt_valid_to timestamptz"


def versions(sql: FileSql, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    hold(sql, "credit_balance", VERSIONS, *rows)
    times.mend(sql, NOW)
    return held(sql, "credit_balance")


def test_what_is_right_is_left_alone(sql: FileSql, caplog: pytest.LogCaptureFixture) -> None:
    rows = [(ACCOUNT, NOW - DAY, NOW - HOUR), (ACCOUNT, NOW - HOUR, None), (OTHER, NOW, None)]

    assert versions(sql, *rows) == rows
    assert caplog.records == []


def test_versions_ahead_of_now_end_up_just_before_it_in_their_order(
    sql: FileSql, caplog: pytest.LogCaptureFixture
) -> None:
    found = versions(
        sql,
        (ACCOUNT, NOW - DAY, AHEAD),
        (ACCOUNT, AHEAD, AHEAD + DAY),
        (ACCOUNT, AHEAD + DAY, None),
        (OTHER, NOW, None),
    )

    assert found == [
        (ACCOUNT, NOW - DAY, NOW - 2 * TICK),
        (ACCOUNT, NOW - 2 * TICK, NOW - TICK),
        (ACCOUNT, NOW - TICK, None),
        (OTHER, NOW, None),
    ]
    assert "wrote 4 times that cannot be" in caplog.text


def test_a_version_that_ends_before_it_begins_began_just_before_its_end(sql: FileSql) -> None:
    """And so the version before it ended then: two in a row are put in order one after the other."""
    end = NOW - DAY
    found = versions(
        sql,
        (ACCOUNT, end - DAY, end + 2 * DAY),
        (ACCOUNT, end + 2 * DAY, end + DAY),
        (ACCOUNT, end + DAY, end),
        (ACCOUNT, end, None),
    )

    assert found == [
        (ACCOUNT, end - DAY, end - 2 * TICK),
        (ACCOUNT, end - 2 * TICK, end - TICK),
        (ACCOUNT, end - TICK, end),
        (ACCOUNT, end, None),
    ]


@pytest.mark.parametrize(("late", "is_mended"), [(EXACT, False), (EXACT + TICK, True)])
def test_clocks_are_only_so_exact(sql: FileSql, late: timedelta, is_mended: bool) -> None:
    ((_, since, _),) = versions(sql, (ACCOUNT, NOW + late, None))

    assert (since == NOW - TICK) == is_mended
    assert is_mended or since == NOW + late


def test_coverage_of_what_has_not_begun_or_ended_goes(sql: FileSql) -> None:
    columns = 'account_id varchar, "grouping" varchar, day date, read_until timestamptz, read_at timestamptz'
    today, midnight = TODAY.date(), TODAY
    hold(
        sql, "usage_coverage", columns,
        (ACCOUNT, "day", today, midnight + DAY, NOW),
        (ACCOUNT, "hour", today, midnight + DAY, AHEAD),
        (ACCOUNT, "hour", today - DAY, midnight, NOW),
        (ACCOUNT, "hour", today + DAY, midnight + DAY, NOW),
    )  # fmt: skip

    times.mend(sql, NOW)

    assert held(sql, "usage_coverage") == [
        (ACCOUNT, "day", today, midnight, NOW),
        (ACCOUNT, "hour", today - DAY, midnight, NOW),
        (ACCOUNT, "hour", today, NOW.replace(minute=0), NOW),
    ]


@pytest.mark.parametrize(("late", "at"), [(TOLD_FROM, NOW + TOLD_FROM), (TOLD_FROM + TICK, NOW)])
def test_moments_of_the_books_are_now_at_the_latest(sql: FileSql, late: timedelta, at: datetime) -> None:
    hold(sql, "load_status", "account_id varchar, last_attempt_at timestamptz", (ACCOUNT, NOW + late))

    times.mend(sql, NOW)

    assert held(sql, "load_status") == [(ACCOUNT, at)]


def test_what_dlt_dated_is_mended_without_a_word(sql: FileSql, caplog: pytest.LogCaptureFixture) -> None:
    hold(sql, "_dlt_loads", "load_id varchar, inserted_at timestamptz", ("1", AHEAD))

    times.mend(sql, NOW)

    assert held(sql, "_dlt_loads") == [("1", NOW)]
    assert caplog.records == []


@pytest.mark.parametrize(
    ("last", "newest"),
    [
        (None, NOW),
        (NOW - HOUR, NOW),
        (NOW + TICK, NOW + TICK),
        (NOW + EXACT, NOW + EXACT),
        (NOW + EXACT + TICK, NOW),
    ],
)
def test_loads_have_an_order_that_no_second_of_a_clock_turns(
    sql: FileSql, last: datetime | None, newest: datetime
) -> None:
    hold(sql, "load_status", "account_id varchar, last_attempt_at timestamptz", (ACCOUNT, last), (OTHER, NOW - DAY))

    assert times.newest(sql, NOW) == newest


def test_before_the_first_load_now_is_now(sql: FileSql) -> None:
    assert times.newest(sql, NOW) == NOW


@pytest.mark.stores
def test_a_clock_that_was_ahead_is_corrected_in_postgres(bench: Bench, postgres: Database) -> None:
    bench.load_well([ACCOUNT], destination="postgres")
    later = "timestamptz '2027-06-01'"
    postgres.rows(f"update ai_gateway_billing.credit_balance set _dlt_valid_from = {later}")
    postgres.rows(f"update ai_gateway_billing.load_status set last_attempt_at = {later}, last_success_at = {later}")
    bench.now += HOUR

    bench.load_well([ACCOUNT], destination="postgres")

    assert postgres.rows("select max(_dlt_valid_from) < now() from ai_gateway_billing.credit_balance") == [(True,)]
    assert postgres.rows("select distinct last_success_at from ai_gateway_billing.load_status") == [(bench.now,)]
