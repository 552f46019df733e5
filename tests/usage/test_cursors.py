"""Cursors per account and grouping: what the next load reads, and how far a load may carry them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ai_gateway_billing.usage import cursors, windows
from ai_gateway_billing.usage.cursors import Extent, Pass, State
from support.constants import DAY, HOUR, NOW, TODAY

A = "a" * 32
START = datetime(2026, 1, 1, tzinfo=UTC)


def cursor(read_until: datetime, *, start: datetime = START, deep_at: datetime | None = None) -> dict[str, str]:
    deep = {} if deep_at is None else {"deep_at": deep_at.isoformat()}
    return {"start": start.isoformat(), "read_until": read_until.isoformat(), **deep}


def next_pass(
    known: dict[str, str] | None,
    now: datetime = NOW,
    *,
    start: datetime = START,
    lookback: int | None = None,
    full_refresh: bool = False,
) -> Pass:
    """What a load of this account alone reads."""
    deep = cursors.deep_starts({A: known} if known else {}, [A], now, HOUR)
    return Extent(start, now, lookback, full_refresh=full_refresh).next_pass(known, deep.get(A))


def next_start(known: dict[str, str] | None, **extent: Any) -> datetime:
    return next_pass(known, **extent).start


def test_a_first_load_reads_everything_since_start() -> None:
    assert next_pass(None) == Pass(START, True)


def test_a_first_load_reads_everything_also_with_a_lookback() -> None:
    assert next_start(None, lookback=1) == START


def test_later_loads_look_back_three_whole_days() -> None:
    known = cursor(NOW, deep_at=NOW - timedelta(hours=1))

    assert next_start(known) == TODAY - 3 * DAY


def test_the_late_event_horizon_is_read_once_in_24_hours() -> None:
    assert next_start(cursor(NOW, deep_at=NOW - DAY)) == TODAY - DAY - 35 * DAY


def test_a_deep_pass_that_lies_ahead_is_not_believed() -> None:
    """Some clock was wrong."""
    assert next_start(cursor(NOW, deep_at=NOW + HOUR)) == TODAY - 35 * DAY


def test_a_cursor_without_a_deep_pass_gets_one() -> None:
    assert next_start(cursor(NOW)) == TODAY - 35 * DAY


def test_no_deep_pass_just_within_24_hours() -> None:
    known = cursor(NOW, deep_at=NOW - timedelta(hours=24) + timedelta(seconds=1))

    assert next_start(known) == TODAY - 3 * DAY


@pytest.mark.parametrize("days", [0, 1, 7, 100])
def test_lookback_decides_for_one_run(days: int) -> None:
    known = cursor(NOW, deep_at=NOW - timedelta(days=9))

    assert next_start(known, lookback=days) == TODAY - days * DAY


def test_the_look_back_ends_at_the_start_of_history() -> None:
    start = TODAY - 2 * DAY

    assert next_start(cursor(NOW, start=start), start=start) == start


def test_after_a_long_pause_everything_since_the_cursor_is_read() -> None:
    known = cursor(datetime(2026, 3, 5, 7, tzinfo=UTC), deep_at=NOW)

    assert next_start(known, lookback=0) == datetime(2026, 3, 5, tzinfo=UTC)


def test_an_earlier_start_reads_the_whole_history_again() -> None:
    earlier = START - DAY

    assert next_pass(cursor(NOW, deep_at=NOW), start=earlier) == Pass(earlier, True)


def test_a_cursor_ahead_of_now_is_not_believed() -> None:
    assert next_pass(cursor(NOW + DAY, deep_at=NOW)) == Pass(START, True)


def test_a_full_refresh_reads_everything_again() -> None:
    assert next_pass(cursor(NOW, deep_at=NOW), full_refresh=True) == Pass(START, True)


# --- deep passes ----------------------------------------------------------------------------------------------------


def deep(since: timedelta, accounts: int = 1) -> set[datetime]:
    """From where a load reads accounts deep whose last deep pass was so long ago."""
    state = {f"{number:032x}": cursor(NOW, deep_at=NOW - since) for number in range(accounts)}
    return {*cursors.deep_starts(state, [*state], NOW, since).values()}


@pytest.mark.parametrize("accounts", [1, 100, 101])
def test_a_deep_pass_reads_all_that_could_still_change_at_the_last_one(accounts: int) -> None:
    """So every day is read once when its 35 days are over, whatever the time of day and however long the pause."""
    assert deep(timedelta(hours=23, minutes=59), accounts) == set()
    assert deep(DAY, accounts) == {TODAY - 36 * DAY}
    assert deep(35 * HOUR, accounts) == {TODAY - 37 * DAY}
    assert deep(9 * DAY, accounts) == {TODAY - 44 * DAY}


def test_an_account_without_a_cursor_needs_no_deep_pass() -> None:
    assert cursors.deep_starts({}, [A], NOW, HOUR) == {}


def test_before_the_first_complete_pass_a_deep_one_reaches_back_from_where_the_account_was_begun() -> None:
    known = cursor(NOW) | {"begun_at": (NOW - 2 * DAY).isoformat()}

    assert next_start(known) == TODAY - 37 * DAY


def test_what_decides_for_one_run_is_not_spread() -> None:
    known, start = cursor(NOW, deep_at=NOW - DAY), TODAY - 35 * DAY

    assert Extent(START, NOW, 1).next_pass(known, start) == Pass(TODAY - DAY, False)
    assert Extent(START, NOW, full_refresh=True).next_pass(known, start) == Pass(START, True)


# --- how a pass moves the cursor -----------------------------------------------------------------------------------


def begun(read_until: datetime, start: datetime = START) -> dict[str, str]:
    return cursor(read_until, start=start) | {"begun_at": NOW.isoformat()}


def test_a_pass_moves_the_cursor_as_far_as_it_read() -> None:
    state: State = {}

    cursors.begin(state, A, Pass(START, True), NOW)
    cursors.advance(state, A, START + 4 * DAY)

    assert state == {A: begun(START + 4 * DAY)}


def test_a_look_back_does_not_move_the_cursor_back() -> None:
    state: State = {A: cursor(NOW)}

    cursors.begin(state, A, Pass(TODAY - 3 * DAY, False), NOW)
    cursors.advance(state, A, TODAY - 2 * DAY)

    assert state == {A: cursor(NOW)}


def test_a_restart_forgets_how_far_was_read() -> None:
    """Else a window that fails in the middle would lie behind the cursor and never be read."""
    state: State = {A: cursor(NOW, deep_at=NOW)}

    cursors.begin(state, A, Pass(START - 30 * DAY, True), NOW)
    cursors.advance(state, A, START - 26 * DAY)

    assert state == {A: begun(START - 26 * DAY, start=START - 30 * DAY)}


def test_a_later_start_than_the_cursor_leaves_no_gap_in_what_counts_as_read() -> None:
    state: State = {A: cursor(START + DAY)}
    later = START + 30 * DAY

    cursors.begin(state, A, Pass(later, False), NOW)
    cursors.advance(state, A, NOW)

    assert state == {A: begun(NOW, start=later)}
    assert next_start(state[A], start=START) == START


def test_a_complete_pass_over_the_horizon_counts_as_deep() -> None:
    state: State = {A: cursor(NOW)}

    cursors.finish(state, A, Pass(TODAY - 35 * DAY, False), START, NOW)

    assert state == {A: cursor(NOW, deep_at=NOW)}


def test_a_complete_pass_over_a_short_history_counts_as_deep() -> None:
    state: State = {A: cursor(NOW)}

    cursors.finish(state, A, Pass(TODAY - DAY, False), TODAY - DAY, NOW)

    assert state == {A: cursor(NOW, deep_at=NOW)}


@pytest.mark.parametrize(("last", "reached"), [(None, 34), (NOW - DAY, 35), (NOW - 9 * DAY, 43)])
def test_a_shorter_pass_does_not_count_as_deep(last: datetime | None, reached: int) -> None:
    """Nor one of 35 days when the last deep pass was longer ago: days in between were not read when they were over."""
    state: State = {A: cursor(NOW, deep_at=last)}

    cursors.finish(state, A, Pass(TODAY - reached * DAY, False), START, NOW)

    assert state == {A: cursor(NOW, deep_at=last)}

    cursors.finish(state, A, Pass(TODAY - (reached + 1) * DAY, False), START, NOW)

    assert state == {A: cursor(NOW, deep_at=NOW)}


# --- coverage -------------------------------------------------------------------------------------------------------


def coverage(grouping: windows.Grouping, days: list[date], end: datetime, seen: datetime) -> dict[date, datetime]:
    return {row["day"]: row["read_until"] for row in cursors.coverage(A, grouping, days, end, seen)}


def test_ended_days_are_covered_to_their_end_and_today_to_the_last_full_hour() -> None:
    days = [date(2026, 11, 21), date(2026, 11, 22)]

    found = coverage("hour", days, NOW.replace(hour=11, minute=0), NOW)

    assert found == {days[0]: TODAY, days[1]: TODAY.replace(hour=10)}


def test_a_running_day_is_not_covered_as_a_day() -> None:
    found = coverage("day", [date(2026, 11, 21), date(2026, 11, 22)], TODAY + DAY, NOW)

    assert found == {date(2026, 11, 21): TODAY, date(2026, 11, 22): TODAY}


def test_what_the_api_did_not_give_is_not_covered() -> None:
    found = coverage("hour", [date(2026, 11, 21)], TODAY - timedelta(hours=5), NOW)

    assert found == {date(2026, 11, 21): TODAY - timedelta(hours=5)}


def test_days_that_have_not_begun_get_no_coverage() -> None:
    """A clock that runs ahead asks for them."""
    days = [date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 24)]

    assert coverage("day", days, TODAY + 3 * DAY, NOW).keys() == {days[0]}


@pytest.mark.parametrize(
    ("last", "end"),
    [
        (date(2026, 11, 1), datetime(2026, 11, 2, tzinfo=UTC)),
        (date(2026, 11, 20), datetime(2026, 11, 21, tzinfo=UTC)),
        (TODAY.date(), None),
        (date(2026, 12, 31), None),
    ],
)
def test_a_backfill_ends_with_its_last_day_or_with_what_runs(last: date, end: datetime | None) -> None:
    extent = Extent(START, NOW, backfill=(date(2026, 11, 1), last))

    assert extent.next_pass(cursor(NOW)) == Pass(datetime(2026, 11, 1, tzinfo=UTC), False)
    assert extent.end("hour") == (end or windows.running_end("hour", NOW))
