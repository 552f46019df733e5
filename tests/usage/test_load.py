"""What cursors and coverage count as read: nothing beyond a gap, nothing that was rejected, nothing by a backfill."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.usage import buckets
from ai_gateway_billing.usage.buckets import Buckets
from ai_gateway_billing.usage.cursors import Extent, State
from ai_gateway_billing.usage.load import UsageLoad
from ai_gateway_billing.usage.windows import Window, epoch_ms
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY

START = TODAY - 40 * DAY
KINDS = ("read", "silent", "failed", "rejected")


def found(account_id: str, window: Window, kind: str) -> Buckets | None:
    """What became of a window: read with a row, read and silent, not read, or read with a row that is rejected."""
    if kind == "failed":
        return None
    start, end = epoch_ms(window.start), epoch_ms(window.start + HOUR)
    row = {"id": "m", "aggregated_value": 1, "start_time": start, "end_time": end}
    rows = {"read": [row], "silent": [], "rejected": [row, row | {"id": 7}]}[kind]
    return buckets.buckets(rows, window, Reading(account_id, NOW))


def carried_out(kinds: dict[str, list[str]], state: State, **extent: Any) -> tuple[list[dict[str, Any]], int]:
    """A pass over the hours of these accounts, window by window; the coverage, and how many rows were handed over."""
    coverage: list[dict[str, Any]] = []
    load = UsageLoad(
        "hour", Extent(START, NOW, **extent), [*kinds], state=state, coverage=coverage, seen_until=lambda: NOW
    )
    reads = [
        (account_id, found(account_id, window, kind))
        for account_id, windows in load.plan().items()
        for window, kind in zip(windows, kinds[account_id], strict=False)
    ]
    rows = sum(table.num_rows - table["withdrawn"].drop_null().length() for table in load.tables(reads))
    return coverage, rows


def windows(extent: Extent) -> int:
    load = UsageLoad("hour", extent, [ACCOUNT], state={}, coverage=[], seen_until=lambda: NOW)
    return len(load.plan()[ACCOUNT])


FIRST = windows(Extent(START, NOW))


@given(
    st.dictionaries(
        st.sampled_from([ACCOUNT, OTHER]), st.lists(st.sampled_from(KINDS), min_size=FIRST, max_size=FIRST), min_size=1
    )
)
@settings(max_examples=40)
def test_coverage_is_what_was_read_whole_and_a_cursor_stops_before_the_first_gap(kinds: dict[str, list[str]]) -> None:
    state: State = {}

    coverage, rows = carried_out(kinds, state)

    for account_id, of in kinds.items():
        covered = {row["day"] for row in coverage if row["account_id"] == account_id}
        whole = [n for n, kind in enumerate(of) if kind in ("read", "silent")]
        assert covered == {START.date() + timedelta(days=4 * n + d) for n in whole for d in range(4)} - ahead()
        gap = next((n for n, kind in enumerate(of) if kind in ("failed", "rejected")), None)
        expected = NOW.replace(minute=0) if gap is None else START + gap * 4 * DAY
        assert datetime.fromisoformat(state[account_id]["read_until"]) == expected
        assert ("deep_at" in state[account_id]) == (gap is None)
    assert rows == sum(of.count("read") for of in kinds.values())


def ahead() -> set[date]:
    """Days of the last window that have not begun."""
    return {TODAY.date() + timedelta(days=n) for n in range(1, 5)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("first", "last"),
    [(-39, -35), (-20, -10), (-12, -3), (-9, -1), (-3, 0), (0, 0), (0, 9), (-60, -50)],
    ids=lambda days: f"{days} days",
)
def test_a_backfill_moves_no_cursor_wherever_it_lies(first: int, last: int, kind: str) -> None:
    """Ahead of the cursor, over it, or behind it: else what lies between would never be read."""
    state = {
        ACCOUNT: {
            "start": START.isoformat(),
            "read_until": (TODAY - 15 * DAY).isoformat(),
            "deep_at": "2026-11-01T00:00:00+00:00",
        }
    }
    before = {account_id: dict(cursor) for account_id, cursor in state.items()}
    days = ((TODAY + first * DAY).date(), (TODAY + last * DAY).date())

    coverage, _ = carried_out({ACCOUNT: [kind] * 30, OTHER: [kind] * 30}, state, backfill=days)

    assert state == before
    assert bool(coverage) == (kind in ("read", "silent"))
    assert {row["day"] for row in coverage} <= {
        days[0] + timedelta(days=n) for n in range((days[1] - days[0]).days + 1)
    }


# --- when a day is read for the last time ---------------------------------------------------------------------------

HORIZON = 36 * DAY
"""From the start of a day until the 35 days in which events of its last hour may come are over."""
BEGIN = TODAY - 116 * DAY
"""So that of a first load one window ends twenty days ago, and the next one may fail."""
GAPS: dict[str, Callable[[Random], timedelta]] = {
    "hourly": lambda dice: HOUR + timedelta(minutes=dice.choice([0, 0, 1, 17])),
    "every six hours": lambda dice: 6 * HOUR + timedelta(minutes=dice.choice([0, 0, 1, 17])),
    "daily with jitter": lambda dice: DAY + timedelta(minutes=dice.randint(-90, 90)),
    "now and then": lambda dice: dice.randint(1, 200) * HOUR,
}


class Days:
    """An account's daily usage over many loads. `read_at`: when each day was last read, by the coverage."""

    def __init__(self) -> None:
        self.state: State = {}
        self.read_at: dict[date, datetime] = {}

    def load(self, now: datetime, *, works: bool, **extent: Any) -> None:
        """A load of all windows, or one that fails in the last."""
        coverage: list[dict[str, Any]] = []
        run = Extent(BEGIN, now, **extent)
        load = UsageLoad("day", run, [ACCOUNT], state=self.state, coverage=coverage, seen_until=lambda: now)
        *windows, last = load.plan()[ACCOUNT]
        read = [found(ACCOUNT, window, "silent") for window in windows]
        read.append(found(ACCOUNT, last, "silent" if works else "failed"))
        list(load.tables((ACCOUNT, each) for each in read))
        self.read_at.update((row["day"], row["read_at"]) for row in coverage)

    def never_final(self, before: datetime) -> set[date]:
        """Days whose horizon was over by then and which were not read since it was: they would wait for ever."""
        days = (BEGIN.date() + timedelta(days=n) for n in range((before - BEGIN).days + 1))
        over = [(day, datetime.combine(day, datetime.min.time(), NOW.tzinfo) + HORIZON) for day in days]
        return {day for day, end in over if end <= before and self.read_at.get(day, NOW) < end}


@pytest.mark.parametrize("schedule", GAPS)
@given(seed=st.integers(0, 1 << 32))
@settings(max_examples=5, deadline=None)
def test_every_day_is_read_again_when_no_event_can_come_any_more(schedule: str, seed: int) -> None:
    """A day after that, or by the first scheduled load that works. Pauses, failures and odd loads cost no day."""
    dice, days, now = Random(seed), Days(), NOW
    while now < NOW + 45 * DAY:
        works, lookback = dice.random() < 0.95, 35 if dice.random() < 0.02 else None
        days.load(now, works=works, lookback_days=lookback)
        if works and lookback is None:
            assert days.never_final(now - DAY) == set()
        now += GAPS[schedule](dice) + (dice.choice([DAY, 10 * DAY]) if dice.random() < 0.02 else 0 * DAY)


@pytest.mark.parametrize("pause", [DAY, 2 * DAY, 40 * DAY, 200 * DAY])
def test_a_first_load_that_broke_off_leaves_no_day_behind(pause: timedelta) -> None:
    days = Days()
    days.load(NOW, works=False)
    for n in range(40):
        days.load(NOW + pause + n * DAY, works=True)

        assert days.never_final(NOW + pause + (n - 1) * DAY) == set()
