"""How far an account's usage has been read, and where the next load starts. One cursor per account and grouping.

A cursor lives in dlt's state as text. From `start` to `read_until` all time was read without a gap and had ended by
then; `deep_at` tells when the whole late-event horizon was read last.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from . import windows
from .windows import Grouping

LOOKBACK_DAYS = 3
DEEP_DAYS = windows.LATE_EVENT_HORIZON.days
DEEP_EVERY = timedelta(hours=24)

State = dict[str, dict[str, str]]


class Extent(NamedTuple):
    """How far a run reaches. `start`: of the history. `backfill`: first and last UTC day, in place of what is new."""

    start: datetime
    now: datetime
    lookback_days: int | None = None
    backfill: tuple[date, date] | None = None
    full_refresh: bool = False

    def next_pass(self, cursor: dict[str, str] | None) -> "Pass":
        """Where the pass of an account with this cursor starts."""
        if self.backfill:
            return Pass(windows.midnight(self.backfill[0]), False)
        return next_pass(cursor, self.start, self.now, self.lookback_days, self.full_refresh)

    def end(self, grouping: Grouping) -> datetime:
        """Where it ends: with the running bucket, or with the last day of the backfill before that."""
        running_end = windows.running_end(grouping, self.now)
        return min(running_end, windows.midnight(self.backfill[1]) + windows.DAY) if self.backfill else running_end


class Pass(NamedTuple):
    """One pass over an account's usage: from where, and whether what was read before counts no more."""

    start: datetime
    restarts: bool


def next_pass(
    cursor: dict[str, str] | None,
    start: datetime,
    now: datetime,
    lookback_days: int | None,
    full_refresh: bool,
) -> Pass:
    """Where to start: at the cursor or a look-back before now, whichever is earlier; at `start` without a cursor.

    The whole history is read again when `start` moved back, and when the cursor lies ahead of now: then some clock
    was wrong, and what was read under it cannot be known.
    """
    if cursor is None or full_refresh or _at(cursor, "start") > start or _at(cursor, "read_until") > now:
        return Pass(start, True)
    days = lookback_days
    if days is None:
        days = DEEP_DAYS if not now - DEEP_EVERY < _at(cursor, "deep_at") <= now else LOOKBACK_DAYS
    begin = min(windows.floor("day", _at(cursor, "read_until")), windows.lookback_start(now, days))
    return Pass(max(begin, start), False)


def begin(state: State, account_id: str, this: Pass) -> None:
    """Set the account's cursor up for a pass: anew if it restarts, or begins behind a stretch that was never read."""
    cursor = state.get(account_id)
    if cursor is None or this.restarts or _at(cursor, "read_until") < this.start:
        start = this.start.isoformat()
        state[account_id] = {"start": start, "read_until": start}


def advance(state: State, account_id: str, read_until: datetime) -> None:
    """Move the account's cursor on; it never moves back."""
    cursor = state[account_id]
    cursor["read_until"] = max(_at(cursor, "read_until"), read_until).isoformat()


def finish(state: State, account_id: str, this: Pass, start: datetime, at: datetime) -> None:
    """The pass was complete at this moment: it counts as deep if it reached over the late-event horizon."""
    if this.start <= max(start, windows.lookback_start(at, DEEP_DAYS)):
        state[account_id]["deep_at"] = at.isoformat()


def _at(cursor: dict[str, str], name: str) -> datetime:
    return datetime.fromisoformat(cursor[name]) if name in cursor else datetime(1970, 1, 1, tzinfo=UTC)


def coverage(
    account_id: str, grouping: Grouping, days: list[date], read_end: datetime, seen_until: datetime
) -> list[dict[str, Any]]:
    """A row per UTC day that has begun: until when its ended buckets have been read completely, and when that was."""
    ended = min(read_end, windows.floor(grouping, seen_until))
    return [
        {
            "account_id": account_id,
            "grouping": grouping,
            "day": day,
            "read_until": max(windows.midnight(day), min(windows.midnight(day) + windows.DAY, ended)),
            "read_at": seen_until,
        }
        for day in days
        if windows.midnight(day) <= seen_until
    ]
