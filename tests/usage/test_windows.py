"""Time is cut into windows that the API accepts: aligned, half-open, of at most 96 buckets, without a gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.usage import windows
from ai_gateway_billing.usage.windows import Grouping, Window

groupings = st.sampled_from(["hour", "day"])
moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - the zone is drawn
    datetime(2032, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]),
)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]  # the year comes first


@given(groupings, moments, st.timedeltas(timedelta(0), timedelta(days=300)))
def test_a_plan_covers_every_bucket_once_and_in_order(grouping: Grouping, start: datetime, span: timedelta) -> None:
    end = windows.running_end(grouping, start + span)

    plan = list(windows.plan(grouping, start, end))

    assert plan[0].start == windows.floor(grouping, start)
    assert plan[-1].end == end
    assert all(earlier.end == later.start for earlier, later in pairwise(plan))
    assert all(1 <= window.buckets <= 96 for window in plan)


@given(groupings, moments, st.integers(1, 96))
def test_bounds_are_aligned_in_utc(grouping: Grouping, start: datetime, buckets: int) -> None:
    """The API was seen to answer 500 to others."""
    window = Window(grouping, windows.floor(grouping, start), windows.running_end(grouping, start))
    unit = 3_600_000 if grouping == "hour" else 86_400_000

    assert windows.epoch_ms(window.start) % unit == 0
    assert windows.epoch_ms(window.end) % unit == 0
    assert window.start <= start < window.end


@given(groupings, moments, st.integers(2, 96))
def test_halves_meet_at_a_buckets_edge(grouping: Grouping, start: datetime, buckets: int) -> None:
    first = windows.floor(grouping, start)
    window = Window(grouping, first, first + buckets * windows.BUCKET[grouping])

    left, right = window.split()

    assert (left.start, left.end, right.end) == (window.start, right.start, window.end)
    assert left.starts() + right.starts() == window.starts()
    assert min(left.buckets, right.buckets) >= 1


def test_nothing_is_planned_when_the_end_comes_first() -> None:
    assert list(windows.plan("hour", at(2026, 11, 22), at(2026, 11, 22))) == []
    assert list(windows.plan("day", at(2026, 11, 23), at(2026, 11, 22))) == []


@pytest.mark.parametrize(
    ("moment", "hour", "day"),
    [
        (at(2026, 11, 22, 10, 30), at(2026, 11, 22, 10), at(2026, 11, 22)),
        (at(2026, 11, 22), at(2026, 11, 22), at(2026, 11, 22)),
        (at(2024, 2, 29, 23, 59, 59, 999_999), at(2024, 2, 29, 23), at(2024, 2, 29)),
        (
            datetime(2027, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            at(2026, 12, 31, 19),
            at(2026, 12, 31),
        ),
        (datetime(2026, 12, 31, 20, tzinfo=timezone(timedelta(hours=-8))), at(2027, 1, 1, 4), at(2027, 1, 1)),
    ],
)
def test_a_bucket_starts_at_the_full_utc_hour_or_midnight(moment: datetime, hour: datetime, day: datetime) -> None:
    assert windows.floor("hour", moment) == hour
    assert windows.floor("day", moment) == day


def test_the_running_bucket_ends_after_now_also_on_the_full_hour() -> None:
    assert windows.running_end("hour", at(2026, 11, 22, 10)) == at(2026, 11, 22, 11)
    assert windows.running_end("day", at(2026, 11, 22)) == at(2026, 11, 23)


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Window("hour", at(2026, 12, 31), at(2027, 1, 2)), [date(2026, 12, 31), date(2027, 1, 1)]),
        (Window("hour", at(2024, 2, 28, 5), at(2024, 2, 29, 1)), [date(2024, 2, 28), date(2024, 2, 29)]),
        (Window("hour", at(2026, 11, 22), at(2026, 11, 22, 1)), [date(2026, 11, 22)]),
        (Window("hour", at(2026, 11, 22), at(2026, 11, 22)), []),
        (Window("day", at(2026, 2, 27), at(2026, 3, 2)), [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]),
    ],
)
def test_a_window_knows_the_days_that_it_touches(window: Window, days: list[date]) -> None:
    assert window.days() == days


def test_a_window_can_be_cut_short() -> None:
    window = Window("hour", at(2026, 11, 22, 8), at(2026, 11, 22, 11))

    assert window.until(at(2026, 11, 22, 10)) == Window("hour", at(2026, 11, 22, 8), at(2026, 11, 22, 10))
    assert window.until(at(2026, 11, 22, 23)) == window
    assert window.until(window.start) is None


def test_look_back_counts_whole_days_before_the_running_one() -> None:
    assert windows.lookback_start(at(2026, 3, 1, 10, 30), 3) == at(2026, 2, 26)
    assert windows.lookback_start(at(2026, 3, 1), 0) == at(2026, 3, 1)


@given(moments)
def test_query_bounds_are_whole_milliseconds(moment: datetime) -> None:
    assert windows.epoch_ms(moment.replace(microsecond=0)) == int(moment.replace(microsecond=0).timestamp()) * 1000
