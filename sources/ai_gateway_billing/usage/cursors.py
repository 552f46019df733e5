"""How far an account's usage has been read, and where the next load starts. One cursor per account and grouping.

A cursor lives in dlt's state as text. From `start` to `read_until` all time was read without a gap and had ended by
then, none of it before `begun_at`; `deep_at` tells when the last deep pass was: that reads again all for which late
events could still come at the one before, so that each day is read once more when its 35 days for them are over.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from ai_gateway_billing import turns

from . import windows
from .windows import Grouping

LOOKBACK_DAYS = 3
DEEP_DAYS = windows.LATE_EVENT_HORIZON.days
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

State = dict[str, dict[str, str]]


class Extent(NamedTuple):
    """How far a run reaches. `start`: of the history. `backfill`: first and last UTC day, in place of what is new."""

    start: datetime
    now: datetime
    lookback_days: int | None = None
    backfill: tuple[date, date] | None = None
    full_refresh: bool = False

    @property
    def is_scheduled(self) -> bool:
        """Whether the cursors alone decide how far back it reads."""
        return self.lookback_days is None and not self.backfill and not self.full_refresh

    def next_pass(self, cursor: dict[str, str] | None, deep_start: datetime | None = None) -> "Pass":
        """Where the pass of an account with this cursor starts. `deep_start`: of its deep pass, if one is made."""
        if self.backfill:
            return Pass(windows.midnight(self.backfill[0]), False)
        days = self.lookback_days
        if days is not None or deep_start is None:
            deep_start = windows.lookback_start(self.now, LOOKBACK_DAYS if days is None else days)
        return next_pass(cursor, self.start, self.now, deep_start, self.full_refresh)

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
    back: datetime,
    full_refresh: bool,
) -> Pass:
    """Where to start: at the cursor or at the look-back, whichever is earlier; at `start` without a cursor.

    The whole history is read again when `start` moved back, and when the cursor lies ahead of now: then some clock
    was wrong, and what was read under it cannot be known.
    """
    if cursor is None or full_refresh or _at(cursor, "start") > start or _at(cursor, "read_until") > now:
        return Pass(start, True)
    return Pass(max(min(windows.floor("day", _at(cursor, "read_until")), back), start), False)


def deep_starts(state: State, account_ids: Sequence[str], now: datetime, elapsed: timedelta) -> dict[str, datetime]:
    """The accounts whose turn it is to be read deep by a scheduled load, and from where."""
    last = {each: _at(state[each], "deep_at") for each in account_ids if each in state}
    return {each: deep_start(state[each], now) for each in turns.due(last, len(account_ids), now, elapsed)}


def deep_start(cursor: dict[str, str], now: datetime) -> datetime:
    """35 days before the last deep pass, however long ago it is; before now, when none is known."""
    known = [at for name in ("deep_at", "begun_at") if EPOCH < (at := _at(cursor, name)) <= now]
    return windows.lookback_start(max(known, default=now), DEEP_DAYS)


def begin(state: State, account_id: str, this: Pass, at: datetime) -> None:
    """Set the account's cursor up for a pass: anew if it restarts, or begins behind a stretch that was never read."""
    cursor = state.get(account_id)
    if cursor is None or this.restarts or _at(cursor, "read_until") < this.start:
        start = this.start.isoformat()
        state[account_id] = {"start": start, "read_until": start, "begun_at": at.isoformat()}


def advance(state: State, account_id: str, read_until: datetime) -> None:
    """Move the account's cursor on; it never moves back."""
    cursor = state[account_id]
    cursor["read_until"] = max(_at(cursor, "read_until"), read_until).isoformat()


def finish(state: State, account_id: str, this: Pass, start: datetime, at: datetime) -> None:
    """The pass was complete at this moment: it counts as deep if it reached as far back as a deep one has to."""
    cursor = state[account_id]
    if this.start <= max(start, deep_start(cursor, at)):
        cursor["deep_at"] = at.isoformat()


def _at(cursor: dict[str, str], name: str) -> datetime:
    return datetime.fromisoformat(cursor[name]) if name in cursor else EPOCH


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
