"""Which hours are read: all there are at first, then the last days and what is new; what is too old is a gap."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.attribution.hours import Plan, Stretch, plan
from ai_gateway_billing.usage.cursors import Extent
from support.constants import DAY, HOUR, NOW, TODAY

KEPT = 31 * 86_400
THIS_HOUR = NOW.replace(minute=0)
OLDEST = THIS_HOUR - 31 * DAY + HOUR


def planned(read_until: datetime | None, **extent: object) -> Plan:
    return plan(read_until, Extent(TODAY - 400 * DAY, NOW, **extent), KEPT)  # type: ignore[arg-type]


def test_the_first_load_reads_all_that_there_is() -> None:
    assert planned(None) == Plan(Stretch(OLDEST, THIS_HOUR + HOUR))


def test_later_ones_read_the_last_four_days_again() -> None:
    assert planned(THIS_HOUR) == Plan(Stretch(TODAY - 4 * DAY, THIS_HOUR + HOUR))


def test_they_start_where_the_last_one_ended_when_that_is_earlier() -> None:
    assert planned(TODAY - 9 * DAY) == Plan(Stretch(TODAY - 9 * DAY, THIS_HOUR + HOUR))


def test_hours_that_nobody_read_in_time_are_a_gap() -> None:
    assert planned(TODAY - 40 * DAY) == Plan(Stretch(OLDEST, THIS_HOUR + HOUR), Stretch(TODAY - 40 * DAY, OLDEST))


def test_hours_that_were_read_up_to_the_oldest_that_is_left_are_no_gap() -> None:
    assert planned(OLDEST) == Plan(Stretch(OLDEST, THIS_HOUR + HOUR))


def test_a_full_refresh_reads_all_that_there_is() -> None:
    assert planned(THIS_HOUR, full_refresh=True).reach.start == OLDEST


@pytest.mark.parametrize(("asked", "days"), [(10, 10), (1, 4), (0, 4)])
def test_a_longer_lookback_is_heeded_and_a_shorter_one_is_not(asked: int, days: int) -> None:
    assert planned(THIS_HOUR, lookback_days=asked).reach.start == TODAY - days * DAY


def test_a_backfill_reads_its_days_as_far_as_they_are_kept() -> None:
    days = (date(2026, 11, 1), date(2026, 11, 2))
    old = (date(2025, 11, 1), date(2025, 11, 2))

    assert planned(None, backfill=days).reach == Stretch(TODAY - 21 * DAY, TODAY - 19 * DAY)
    assert list(planned(None, backfill=old).windows(KEPT)) == []


def test_the_oldest_hour_is_still_there_when_it_is_asked_for_minutes_later() -> None:
    for minute in range(60):
        extent = Extent(TODAY, NOW.replace(minute=minute))
        start = plan(None, extent, KEPT).reach.start

        assert timedelta(minutes=10) <= start - (extent.now - 31 * DAY) <= timedelta(minutes=70)


@given(start=st.integers(0, 100), length=st.integers(1, 800), widest_s=st.integers(0, 40 * 86_400))
def test_windows_meet_and_are_no_wider_than_allowed(start: int, length: int, widest_s: int) -> None:
    reach = Stretch(TODAY + start * HOUR, TODAY + (start + length) * HOUR)

    windows = list(Plan(reach).windows(widest_s))

    assert (windows[0].start, windows[-1].end) == reach
    assert all(one.end == other.start for one, other in pairwise(windows))
    assert all(HOUR <= each.end - each.start <= max(HOUR, timedelta(seconds=widest_s)) for each in windows)


@pytest.mark.parametrize("minutes", [2, 3, 59, 60, 120, 180, 5760])
def test_halves_meet_at_full_hours_or_minutes(minutes: int) -> None:
    whole = Stretch(TODAY, TODAY + timedelta(minutes=minutes))

    first, second = whole.halves() or pytest.fail("no halves")

    assert (first.start, first.end, second.end) == (whole.start, second.start, whole.end)
    assert first.end.second == 0
    assert minutes <= 60 or first.end.minute == 0


def test_a_minute_has_no_halves() -> None:
    assert Stretch(TODAY, TODAY + timedelta(minutes=1)).halves() is None
