"""How far the forecast of `spend.runway` misses, on the simulated account's year.

The file of the view states these errors: this is where they come from.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean

import duckdb
import pytest

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_START, World, demo_world
from support.raw_tables import Row, database, fill

pytestmark = pytest.mark.slow

FIRST = date(2025, 9, 2)  # a month of history before it
LAST = date(2026, 10, 31)
LATER = datetime(2026, 12, 31, tzinfo=UTC)
STEP_DAYS = 3
MEMORY = timedelta(days=62)  # more than the forecast looks at; the rest would only cost time


def usage(world: World, now: datetime, since: date) -> dict[date, Row]:
    """The days' figures as the API gives them at `now`."""
    found = {}
    for row in world.truth_usage(DEMO_ACCOUNT_ID, "day", now):
        start = datetime.fromtimestamp(row["start_time"] / 1000, UTC)
        cents = {"id": row["id"], "aggregated_value": row["aggregated_value"]}
        if start.date() >= since:
            found[start.date()] = {"account_id": DEMO_ACCOUNT_ID, "bucket_start": start, **cents}
    return found


def coverage(since: date, until: date, now: datetime) -> Iterator[Row]:
    """Every day before `until`, read completely."""
    day = since
    while day < until:
        read = {"read_until": datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1), "read_at": now}
        yield {"account_id": DEMO_ACCOUNT_ID, "grouping": "day", "day": day, **read}
        day += timedelta(days=1)


def relative_error(connection: duckdb.DuckDBPyConnection, world: World, day: date, truth: dict[date, Row]) -> float:
    """The forecast made on a morning, against what the month came to."""
    now = datetime(day.year, day.month, day.day, 10, 30, tzinfo=UTC)
    since = max(day - MEMORY, DEMO_START.date())
    days = list(usage(world, now, since).values())
    fill(connection, usage_daily=days, usage_coverage=list(coverage(since, day, now)))
    ((forecast,),) = connection.execute("select month_end_forecast from spend.runway").fetchall()
    length = calendar.monthrange(day.year, day.month)[1]
    month = [date(day.year, day.month, n + 1) for n in range(length)]
    cents = sum(truth[each]["aggregated_value"] for each in month if each in truth)
    return abs(float(forecast) / (float(cents) / 100) - 1)


def test_forecast_misses_by_what_the_view_says(tmp_path: Path) -> None:
    world = demo_world()
    truth = usage(world, LATER, DEMO_START.date())
    errors: dict[date, float] = {}
    with database(tmp_path) as connection:
        for n in range(0, (LAST - FIRST).days, STEP_DAYS):
            day = FIRST + timedelta(days=n)
            errors[day] = relative_error(connection, world, day, truth)

    early = mean(error for day, error in errors.items() if 2 <= day.day <= 10)
    middle = mean(error for day, error in errors.items() if 11 <= day.day <= 20)
    late = mean(error for day, error in errors.items() if day.day > 20)
    worst = max(errors, key=lambda day: errors[day])

    assert mean(errors.values()) < 0.07
    assert early < 0.12
    assert middle < 0.07
    assert late < 0.03
    assert errors[worst] < 0.37
    assert f"{worst:%Y-%m}" == "2026-04", "the month in which a new model raised the level"
