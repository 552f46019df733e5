"""What cursors and coverage count as read: nothing beyond a gap, nothing that was rejected, nothing by a backfill."""

from __future__ import annotations

from datetime import date, datetime, timedelta
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
