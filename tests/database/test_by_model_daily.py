"""`spend.by_model_daily` for any history: days add up to the month, and show the UTC days though loads run at noon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.constants import ACCOUNT
from support.raw_tables import Row, database, fill, preview

START = datetime(2026, 11, 1, tzinfo=UTC)
MODELS = ("openai/gpt-5", "Workers AI prepaid", "@cf/meta/llama-3.3-70b")
amounts = st.decimals(-(10**6), 10**11, places=4)
seen = st.dictionaries(
    st.integers(0, 45 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.dictionaries(st.sampled_from(MODELS), amounts, min_size=1),
    min_size=1,
    max_size=6,
)
used = st.dictionaries(st.integers(0, 31 * 24), amounts, max_size=20)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with database(tmp_path_factory.mktemp("by_model_daily")) as connection:
        yield connection


def previews(history: dict[datetime, dict[str, Decimal]]) -> dict[str, list[Row]]:
    """Each moment's preview of November with its lines."""
    versions, lines = [], []
    for moment, models in history.items():
        version = preview("2026-11-01", "2026-12-01", f"{moment:%Y-%m-%dT%H:%M}")
        versions.append({**version, "_dlt_id": str(moment)})
        for model, amount in models.items():
            line = {"description": model, "amount": amount, "currency": "usd", "quantity": 1}
            lines.append({"account_id": ACCOUNT, **line, "_dlt_parent_id": str(moment), "_dlt_id": f"{moment} {model}"})
    return {"invoice_preview": versions, "invoice_preview__invoice_lines": lines}


def hours(usage: dict[int, Decimal]) -> list[Row]:
    """Buckets by the hour of November."""
    return [
        {"account_id": ACCOUNT, "bucket_start": START + timedelta(hours=hour), "aggregated_value": amount}
        for hour, amount in usage.items()
    ]


@settings(max_examples=12)
@given(history=seen, usage=used)
def test_raw_and_allocated_days_both_add_up_to_the_month_exactly(
    empty: duckdb.DuckDBPyConnection, history: dict[datetime, dict[str, Decimal]], usage: dict[int, Decimal]
) -> None:
    fill(empty, usage_hourly=hours(usage), **previews(history))

    found = empty.execute(
        "select model, sum(gross), sum(gross_allocated) from spend.by_model_daily group by model order by model"
    ).fetchall()
    months = dict(empty.execute("select model, gross from spend.by_model").fetchall())
    assert [(model, months.get(model, 0), months.get(model, 0)) for model, *_ in found] == found
    assert set(months) <= {model for model, *_ in found}

    rows = empty.execute("select day, model, observed_at, from_at, until_at from spend.by_model_daily").fetchall()
    assert len({row[:2] for row in rows}) == len(rows), "one row per day and model"
    for _, _, observed_at, from_at, until_at in rows:
        assert (observed_at is None) == (from_at is None) == (until_at is None)
        assert from_at is None or from_at <= until_at <= START + timedelta(days=30)


def test_hours_weigh_what_all_their_buckets_add_up_to_but_never_less_than_nothing(
    empty: duckdb.DuckDBPyConnection,
) -> None:
    """On the 2nd, 40 cents in one hour and less than nothing in the next; on the 3rd, 60 cents in one."""
    first, second, third = {37: Decimal(100), 38: Decimal(-7), 50: Decimal(45)}, {37: Decimal(-100)}, {37: Decimal(40)}
    usage = [*hours(first), *hours(second), *hours(third), *hours({50: Decimal(15)})]
    history = {START + timedelta(days=day, hours=12): {"openai/gpt-5": Decimal(1000 * day)} for day in (1, 2)}
    fill(empty, usage_hourly=usage, **previews(history))

    found = dict(empty.execute("select day(day), gross_allocated from spend.by_model_daily").fetchall())
    assert found == {1: 10, 2: 4, 3: 6}


@pytest.mark.parametrize("minutes", [0, 10 * 60 + 30, 23 * 60 + 59])
def test_days_are_utc_days_whenever_loads_run(empty: duckdb.DuckDBPyConnection, minutes: int) -> None:
    """With one model, the allocated day is the day's usage; the raw step is what a day of loads added."""
    random = Random(minutes)
    usage = {hour: Decimal(random.randint(0, 9) * random.randint(0, 200)) for hour in range(30 * 24)}
    moments = [START + timedelta(days=day, minutes=minutes) for day in range(3, 29)]
    shown = {
        moment: sum(
            (amount * min(Decimal(1), max(Decimal(0), Decimal((moment - START).total_seconds()) / 3600 - hour))
             for hour, amount in usage.items()),
            Decimal(0),
        )
        for moment in moments
    }  # fmt: skip
    fill(empty, usage_hourly=hours(usage), **previews({moment: {"openai/gpt-5": shown[moment]} for moment in moments}))

    found = empty.execute(
        "select day, gross, gross_allocated, amount from spend.by_model_daily "
        "join spend.daily using (account_id, day) where day < '2026-11-29' order by day"
    ).fetchall()
    complete = found[:-1]
    assert [row[0].day for row in complete] == list(range(1, len(complete) + 1))
    assert [float(row[2]) for row in complete] == pytest.approx([float(row[3]) for row in complete], abs=1e-5)
    if minutes == 10 * 60 + 30:
        assert sum(abs(row[1] - row[3]) for row in complete) > sum(row[3] for row in complete) / 10


def test_the_first_loads_amount_is_never_one_day_of_a_month_half_over(empty: duckdb.DuckDBPyConnection) -> None:
    history = {START + timedelta(days=20, hours=10): {"openai/gpt-5": Decimal(30000)}}
    fill(empty, usage_hourly=[], **previews(history))

    days = empty.execute("select gross_allocated from spend.by_model_daily order by day").fetchall()
    assert len(days) == 21
    assert max(days)[0] < 15


def test_largest_amounts_that_raw_tables_can_hold_overflow_nothing(empty: duckdb.DuckDBPyConnection) -> None:
    largest = Decimal(10) ** 17
    history = {START + timedelta(days=day, hours=10): {"openai/gpt-5": largest / (4 - day)} for day in (1, 2, 3)}
    fill(empty, usage_hourly=hours({0: largest, 30: largest}), **previews(history))

    ((total,),) = empty.execute("select sum(gross_allocated) from spend.by_model_daily").fetchall()
    assert total == largest / 100
