"""Whose turn it is: of few accounts all that are due, of many so many that each has its turn in a day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing import turns
from support.constants import DAY, HOUR, NOW

A, B = "a" * 32, "b" * 32
WEEK = 7 * 24


def accounts(count: int, since: timedelta) -> dict[str, datetime]:
    """So many accounts, whose last turn was so long ago."""
    return {f"{number:032x}": NOW - since for number in range(count)}


def due(last: dict[str, datetime], elapsed: timedelta = HOUR) -> set[str]:
    return turns.due(last, len(last), NOW, elapsed)


@pytest.mark.parametrize("since", [timedelta(hours=24), timedelta(hours=47), timedelta(days=9), timedelta(hours=-1)])
def test_up_to_a_hundred_accounts_have_their_turn_at_once(since: timedelta) -> None:
    last = accounts(100, since)

    assert due(last, timedelta()) == {*last}


@pytest.mark.parametrize("count", [1, 101])
def test_nobodys_turn_comes_within_24_hours(count: int) -> None:
    assert due(accounts(count, DAY - timedelta(seconds=1))) == set()


@pytest.mark.parametrize(
    ("count", "elapsed", "quota"),
    [
        (101, HOUR, 100),
        (101, DAY, 101),
        (101, timedelta(), 100),
        (101, -HOUR, 100),
        (2_400, HOUR, 100),
        (2_401, HOUR, 101),
        (2_400, 3 * HOUR, 300),
        (2_400, DAY, 2_400),
        (2_400, 9 * DAY, 2_400),
    ],
)
def test_of_more_so_many_have_it_that_all_have_it_in_a_day(count: int, elapsed: timedelta, quota: int) -> None:
    assert len(due(accounts(count, DAY), elapsed)) == quota


def test_those_that_are_due_the_longest_go_first() -> None:
    last = accounts(150, DAY) | {A: NOW - DAY - HOUR} | {B: NOW}

    found = due(last)

    assert A in found
    assert B not in found
    assert found == due(dict(reversed(last.items())))  # by hash, not by the order they came in


@pytest.mark.parametrize("at", [NOW - 2 * DAY - timedelta(seconds=1), NOW + HOUR])
def test_a_turn_that_is_late_or_ahead_takes_nobodys(at: datetime) -> None:
    late = {f"late{number}": at for number in range(150)}

    found = due(accounts(150, DAY) | late)

    assert found >= late.keys()
    assert len(found) == 150 + 100


def test_the_time_between_scheduled_loads_of_many_accounts_is_kept() -> None:
    kept: dict[str, Any] = {}

    def elapsed(hours: int, count: int = 101, *, is_scheduled: bool = True) -> timedelta:
        return turns.elapsed(kept, NOW + hours * HOUR, count, is_scheduled=is_scheduled)

    assert elapsed(0) == DAY
    assert elapsed(1) == HOUR
    elapsed(2, 100)
    elapsed(2, is_scheduled=False)
    assert elapsed(3) == 2 * HOUR


@given(
    count=st.sampled_from([101, 2_000, 3_001]),
    missed=st.sets(st.integers(1, WEEK), max_size=60),
    late_minutes=st.lists(st.integers(0, 20), min_size=WEEK, max_size=WEEK),
)
@settings(max_examples=3, deadline=None)
def test_over_a_week_each_account_has_its_turn_every_48_hours_and_no_load_does_more_than_its_share(
    count: int, missed: Collection[int], late_minutes: list[int]
) -> None:
    """Hourly loads that begin a little late, without those that were missed, after a first one of all accounts."""
    last, before, longest = accounts(count, timedelta()), NOW, HOUR
    kept: dict[str, Any] = {"spread_at": NOW.isoformat()}
    for hour in sorted({*range(1, WEEK + 1)} - {*missed}):
        now = NOW + hour * HOUR + timedelta(minutes=late_minutes[hour - 1])
        elapsed = turns.elapsed(kept, now, count, is_scheduled=True)
        longest = max(longest, now - before)

        found = turns.due(last, count, now, elapsed)

        assert elapsed == now - before
        assert max(now - at for at in last.values()) <= 2 * DAY + (longest if missed else timedelta(minutes=20))
        overdue = sum(now - at > 2 * DAY for at in last.values())
        assert len(found) <= max(100, -(-count * elapsed // DAY)) + overdue
        last.update(dict.fromkeys(found, now))
        before = now
    assert min(last.values()) > NOW
