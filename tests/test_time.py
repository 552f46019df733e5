"""Time: wrong clocks, ends of months and years, look-backs, backfills, and hosts in any time zone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.simulator import DEMO_TOKEN, demo_world
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY, ZONE

HERE = Path(__file__).parent


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]  # the year comes first


def hundred_days(folder: Path) -> Bench:
    """One account with some usage on each of the last hundred days."""
    bench = Bench(folder, start="2026-08-15")
    account = bench.account()
    for days in range(100):
        account.set_hour(TODAY - days * DAY + 9 * HOUR, Decimal(days + 1), Decimal("0.5"))
    return bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """That account, never loaded."""
    bench = hundred_days(tmp_path).with_tables()
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def first_load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first load at `NOW` leaves, which takes longer than all that most tests do after it."""
    folder = tmp_path_factory.mktemp("first load")
    bench = hundred_days(folder).with_tables()
    assert load(bench) == at(2026, 8, 15), "it reads everything"
    return folder


@pytest.fixture
def loaded(first_load: Path, tmp_path: Path) -> Iterator[Bench]:
    """That account after its first load at `NOW`."""
    bench = hundred_days(tmp_path).after(first_load)
    yield bench
    bench.close()


def first_asked(bench: Bench, grouping: str = "hour") -> datetime:
    """From when on the last load asked for usage; forgets the requests so far."""
    asked = [each for each in bench.simulator.requests if each.endpoint == "usage-history"]
    bench.simulator.requests.clear()
    starts = [int(each.query["start_time"]) for each in asked if each.query["value_grouping_window"] == grouping]
    return datetime.fromtimestamp(min(starts) / 1000, UTC)


def load(bench: Bench, after: timedelta = timedelta(0), **options: Any) -> datetime:
    """A load some time later, and from when on it asked."""
    bench.now += after
    bench.simulator.requests.clear()
    bench.load_well(**options)
    return first_asked(bench)


# --- look-back ------------------------------------------------------------------------------------------------------


def test_look_back_of_a_scheduled_load(loaded: Bench) -> None:
    """Three whole UTC days; when the last such pass is over 24 hours old, 35 before that. A first load is one."""
    assert load(loaded, HOUR) == TODAY - 3 * DAY
    assert load(loaded, 22 * HOUR) == TODAY - 2 * DAY  # the next day has come, the 24 hours have not
    assert load(loaded, HOUR) == TODAY - 35 * DAY
    assert load(loaded, HOUR) == TODAY - 2 * DAY
    assert load(loaded, HOUR, lookback_days=1) == TODAY
    assert load(loaded, HOUR, lookback_days=60) == TODAY - 59 * DAY
    assert load(loaded, 23 * HOUR) == TODAY - DAY  # the sixty days were a deep pass, too
    loaded.assert_equals_world()


def test_a_late_event_within_35_days_is_seen_within_24_hours(loaded: Bench) -> None:
    loaded.world.accounts[ACCOUNT].set_hour(TODAY - 30 * DAY, "77.7")
    load(loaded, 12 * HOUR)
    assert loaded.usage("hour") != loaded.true_usage("hour")

    load(loaded, 12 * HOUR)

    loaded.assert_equals_world()


def test_a_day_is_final_when_the_last_late_event_was_read_and_not_before(loaded: Bench) -> None:
    """An event of the evening comes 35 days later in the afternoon, after that day's deep pass."""
    day, evening = TODAY - 35 * DAY, TODAY - 35 * DAY + 20 * HOUR
    loaded.world.accounts[ACCOUNT].set_hour(evening, "77.7")
    load(loaded, 14 * HOUR)
    assert loaded.usage("hour") != loaded.true_usage("hour")
    assert not is_final(loaded, day)

    load(loaded, 11 * HOUR)

    loaded.assert_equals_world()
    assert is_final(loaded, day)
    assert not is_final(loaded, day + DAY)


def is_final(bench: Bench, day: datetime) -> bool:
    ((found,),) = bench.rows(f"select is_final from spend.daily where day = date '{day:%Y-%m-%d}'")
    return bool(found)


def test_a_failed_deep_pass_is_made_up_for_by_the_next_load(loaded: Bench) -> None:
    loaded.now += DAY
    loaded.world.accounts[ACCOUNT].set_hour(TODAY - 30 * DAY, "77.7")
    loaded.faults.add(500, endpoint="usage-history")
    assert loaded.load().exit_code == 4
    loaded.faults.clear()

    assert load(loaded, HOUR) == TODAY - 35 * DAY
    loaded.assert_equals_world()


def test_after_a_pause_everything_since_the_last_load_is_read(loaded: Bench) -> None:
    loaded.now += 60 * DAY
    account = loaded.world.accounts[ACCOUNT]
    for days in range(60):
        account.set_hour(TODAY + days * DAY + 3 * HOUR, Decimal(days))

    assert load(loaded, lookback_days=3) == TODAY
    loaded.assert_equals_world()


# --- backfill and full refresh --------------------------------------------------------------------------------------


def test_a_backfill_rereads_its_range_exactly_and_leaves_the_cursor_alone(loaded: Bench) -> None:
    """The last day is included; nothing outside the range is asked for or touched."""
    account = loaded.world.accounts[ACCOUNT]
    first, last = date(2026, 9, 1), date(2026, 9, 3)
    for day in (first - timedelta(days=1), first, last, last + timedelta(days=1)):
        account.set_hour(datetime(day.year, day.month, day.day, 23, tzinfo=UTC), "123.456")
    before = loaded.usage("hour")

    assert load(loaded, HOUR, backfill=(first, last), only=("usage_hourly", "usage_daily")) == at(2026, 9, 1)

    true = loaded.true_usage("hour")
    inside = {row for row in true if at(2026, 9, 1) <= row[0] < at(2026, 9, 4)}
    assert {row for row in loaded.usage("hour") if at(2026, 9, 1) <= row[0] < at(2026, 9, 4)} == inside
    assert [row for row in loaded.usage("hour") if row not in inside] == [
        row for row in before if not at(2026, 9, 1) <= row[0] < at(2026, 9, 4)
    ]
    assert load(loaded, HOUR) == TODAY - 3 * DAY
    assert load(loaded, HOUR, full_refresh=True) == at(2026, 8, 15)
    loaded.assert_equals_world()


def test_a_backfill_before_the_first_load_is_not_taken_for_it(bench: Bench) -> None:
    load(bench, backfill=(date(2026, 11, 20), date(2026, 11, 30)), only=("usage_hourly", "usage_daily"))
    assert [row for row in bench.true_usage("hour") if row[0] >= at(2026, 11, 20)] == bench.usage("hour")

    assert load(bench) == at(2026, 8, 15)
    bench.assert_equals_world()


def test_a_full_refresh_reads_everything_and_removes_what_is_gone(loaded: Bench) -> None:
    loaded.world.accounts[ACCOUNT].withdraw("hour", TODAY - 90 * DAY + 9 * HOUR)
    loaded.world.accounts[ACCOUNT].set_hour(TODAY - 80 * DAY, "5.5")

    assert load(loaded, HOUR, full_refresh=True) == at(2026, 8, 15)
    loaded.assert_equals_world()


# --- start ----------------------------------------------------------------------------------------------------------


def test_a_start_in_the_future_is_refused_and_changes_nothing(loaded: Bench) -> None:
    before = loaded.database.read_bytes()
    loaded.start = "2026-11-23"

    with pytest.raises(SettingsError, match="in the future"):
        loaded.load()

    assert loaded.database.read_bytes() == before


@pytest.mark.thorough
def test_a_start_today_or_before_the_account_existed_is_fine(bench: Bench) -> None:
    bench.start = "2026-11-22"
    assert load(bench) == TODAY
    bench.assert_equals_world()
    bench.start = "2024-02-28"
    assert load(bench, HOUR) == at(2024, 2, 28)
    bench.assert_equals_world()


# --- clocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ahead", [40 * DAY, *(pytest.param(days * DAY, marks=pytest.mark.thorough) for days in (2, 400))]
)
def test_a_clock_that_runs_ahead_carries_no_cursor_past_what_was_read(loaded: Bench, ahead: timedelta) -> None:
    """The API's `Date` says how late it is. Nothing is lost once the clock is right, nor covered before it was."""
    account = loaded.world.accounts[ACCOUNT]
    loaded.server_now = NOW + 5 * HOUR
    loaded.now = loaded.server_now + ahead
    account.set_hour(TODAY + 12 * HOUR, "1.25")
    loaded.load_well()
    loaded.assert_equals_world()
    assert max(loaded.coverage("hour")) == TODAY.date()

    account.set_hour(TODAY + 15 * HOUR, "3.75")
    account.set_hour(TODAY - 20 * DAY, "0.25")
    loaded.server_now += 25 * HOUR
    loaded.now = loaded.server_now
    assert load(loaded) == TODAY - 35 * DAY
    loaded.assert_equals_world()


@pytest.mark.thorough
def test_a_clock_ahead_of_an_api_that_refuses_the_future_loses_nothing(loaded: Bench) -> None:
    loaded.world.refuses_future_end = True
    loaded.server_now = NOW + 5 * HOUR
    loaded.now = loaded.server_now + 40 * DAY
    loaded.world.accounts[ACCOUNT].set_hour(TODAY + 12 * HOUR, "1.25")
    loaded.load_well()

    loaded.world.refuses_future_end = False
    loaded.now = loaded.server_now
    load(loaded)
    loaded.assert_equals_world()


@pytest.mark.parametrize(
    "back", [2 * DAY, *(pytest.param(b, marks=pytest.mark.thorough) for b in (timedelta(seconds=1801), 60 * DAY))]
)
def test_a_clock_that_jumps_back_loses_and_doubles_nothing(loaded: Bench, back: timedelta) -> None:
    account = loaded.world.accounts[ACCOUNT]
    before = loaded.usage("hour")
    loaded.server_now = NOW
    loaded.now = NOW - back

    load(loaded)
    assert loaded.usage("hour") == before

    account.set_hour(TODAY - DAY, "2.5")
    loaded.server_now = None
    loaded.now = NOW + HOUR
    load(loaded)
    loaded.assert_equals_world()


def test_an_api_clock_that_is_behind_only_delays_the_cursor(bench: Bench) -> None:
    bench.server_now = NOW - 3 * HOUR
    load(bench)

    bench.server_now = None
    bench.world.accounts[ACCOUNT].set_hour(TODAY + 9 * HOUR, "8.5")
    load(bench, lookback_days=0)
    bench.assert_equals_world()


# --- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_months_years_and_leap_days_end_exactly(tmp_path: Path) -> None:
    bench = Bench(tmp_path, start="2027-12-01", now=at(2027, 12, 31, 23, 59, 59))
    account = bench.account()
    moments = [
        at(2027, 12, 31, 23, 59, 59),
        at(2028, 1, 1),
        at(2028, 2, 28, 23, 30),
        at(2028, 2, 29, 0, 0, 1),
        at(2028, 3, 1),
    ]
    for moment in moments:
        bench.now = moment
        for hours in range(50):
            account.set_hour(moment.replace(minute=0, second=0) - hours * HOUR, Decimal(hours) / 8, moment.day)
        bench.load_well()
        bench.assert_equals_world()
        days = (moment.date() - date(2027, 12, 1)).days
        assert len(bench.coverage("day")) == days + 1
    bench.close()


@pytest.mark.thorough
def test_the_running_hour_and_day_equal_what_the_api_said_and_closed_ones_always(tmp_path: Path) -> None:
    bench = Bench(tmp_path, demo_world(1, start=at(2026, 11, 10)), start="2026-11-10")
    bench.token = DEMO_TOKEN
    for minutes in (0, 20, 39, 1, 1):
        bench.now += timedelta(minutes=minutes)
        bench.load_well()
        bench.assert_equals_world()
    assert bench.usage("hour", next(iter(bench.world.accounts)))[-1][0] <= bench.now
    bench.close()


def test_deep_passes_are_counted_per_account_and_grouping(bench: Bench) -> None:
    """An account or grouping that comes later has its own 24 hours."""
    load(bench, grouping="hour")
    bench.account(OTHER)
    bench.now += 12 * HOUR

    bench.simulator.requests.clear()
    bench.load_well()

    assert first_asked_of(bench, ACCOUNT, "hour") == TODAY - 3 * DAY
    assert first_asked_of(bench, ACCOUNT, "day") == at(2026, 8, 15)
    assert first_asked_of(bench, OTHER, "hour") == at(2026, 8, 15)
    bench.assert_equals_world()


def first_asked_of(bench: Bench, account_id: str, grouping: str) -> datetime:
    starts = [
        int(each.query["start_time"])
        for each in bench.simulator.requests
        if each.account_id == account_id and each.query.get("value_grouping_window") == grouping
    ]
    return datetime.fromtimestamp(min(starts) / 1000, UTC)


# --- time zones -----------------------------------------------------------------------------------------------------

ZONES = ["UTC", "Asia/Kolkata", "America/Los_Angeles"]


def loads_around_midnight(folder: str) -> None:
    """Three loads across midnights and a change from daylight saving time, compared with the world; prints the rows."""
    bench = Bench(Path(folder), demo_world(1, start=at(2026, 10, 28)), start="2026-10-28", now=at(2026, 11, 1, 7, 45))
    bench.token = DEMO_TOKEN
    account_id = next(iter(bench.world.accounts))
    for moment in (at(2026, 11, 1, 7, 45), at(2026, 11, 1, 18, 20), at(2026, 11, 2, 0, 10)):
        bench.now = moment
        bench.load_well()
        bench.assert_equals_world()
        bench.world.accounts[account_id].set_hour(at(2026, 11, 1, 8), moment.day, moment.hour)
    bench.close()
    print(sorted(bench_rows(folder)))  # noqa: T201


def bench_rows(folder: str) -> list[str]:
    import duckdb

    with duckdb.connect(str(Path(folder) / "billing.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        tables = ("usage_hourly", "usage_daily", "usage_coverage", "invoices")
        return [
            str(row)
            for table in tables
            for row in connection.execute(
                f"select columns('^[^_]')::varchar from ai_gateway_billing.{table}"
            ).fetchall()
        ]


@pytest.fixture(scope="module")
def in_zones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """The same loads by processes that live in different zones, at the same time."""
    running = {}
    for zone in ZONES:
        folder = tmp_path_factory.mktemp("zone")
        code = f"import runpy; runpy.run_path({__file__!r})['loads_around_midnight']({str(folder)!r})"
        environment = {**os.environ, "TZ": zone, "PYTHONPATH": os.pathsep.join(sys.path)}
        running[zone] = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    results = {}
    for zone, process in running.items():
        out, err = process.communicate(timeout=300)
        results[zone] = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    return results


@pytest.mark.thorough
@pytest.mark.parametrize("zone", ZONES)
def test_tables_equal_the_world_on_a_host_in_any_time_zone(in_zones: dict[str, Any], zone: str) -> None:
    assert in_zones[zone].returncode == 0, in_zones[zone].stderr[-2000:]
    assert in_zones[zone].stdout == in_zones["UTC"].stdout
    assert in_zones[zone].stdout.count("2026-11-01") > 24


def test_the_host_is_in_the_zone_that_the_tests_were_asked_to_run_in() -> None:
    noon = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - the host's own

    assert noon.astimezone().utcoffset() == noon.replace(tzinfo=ZoneInfo(ZONE)).utcoffset()


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES[1:])
def test_the_exactness_tests_pass_in_any_time_zone(zone: str) -> None:
    tests = ("loading/test_load.py", "test_model.py", "test_time.py", "usage")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    environment = {**os.environ, "TEST_TZ": zone}

    found = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=1200, check=False
    )

    assert found.returncode == 0, found.stdout[-3000:]
