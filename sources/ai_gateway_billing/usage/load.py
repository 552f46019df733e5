"""One grouping's usage as Arrow tables for dlt; cursors and coverage move with what has been handed over."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa

from ai_gateway_billing import turns
from ai_gateway_billing.rows import arrow
from ai_gateway_billing.rows.records import Row

from . import buckets, cursors, windows
from .buckets import Buckets
from .windows import Grouping, Window


class _Read(NamedTuple):
    """A window that was read. `moves`: nothing before it in this pass is missing, so the cursor may pass it."""

    buckets: Buckets
    moves: bool


class UsageLoad:
    """Reads one grouping of every account. A failed window stops its account's cursor, not the other accounts.

    `state`: the accounts' cursors. `coverage` gets a row for each day that was read. `seen_until`: no more counts as
    ended than both clocks agree on. `elapsed`: since the load before.
    """

    def __init__(
        self,
        grouping: Grouping,
        extent: cursors.Extent,
        account_ids: Sequence[str],
        *,
        state: cursors.State,
        coverage: list[Row],
        seen_until: Callable[[], datetime],
        elapsed: timedelta = turns.EVERY,
    ) -> None:
        self._grouping = grouping
        self._extent = extent
        self._state = state
        self._coverage = coverage
        self._seen_until = seen_until
        self._with_gap: set[str] = set()
        deep = cursors.deep_starts(state, account_ids, extent.now, elapsed)
        self._passes = {each: extent.next_pass(state.get(each), deep.get(each)) for each in account_ids}
        self._begun_at = seen_until()
        if not extent.backfill:
            for account_id, this in self._passes.items():
                cursors.begin(state, account_id, this, self._begun_at)

    def plan(self) -> dict[str, list[Window]]:
        """The windows of each account, oldest first."""
        end = self._extent.end(self._grouping)
        return {id_: list(windows.plan(self._grouping, this.start, end)) for id_, this in self._passes.items()}

    def tables(self, found: Iterable[tuple[str, Buckets | None]]) -> Iterator[pa.Table]:
        """The windows, None for one that failed, as tables of at least `BATCH_ROWS` rows but for the last one."""
        batch: list[_Read] = []
        rows = 0
        for account_id, read in found:
            if read is None or read.rejected:
                self._with_gap.add(account_id)
            if read is not None:
                batch.append(_Read(read, account_id not in self._with_gap))
                rows += read.length
            if rows >= arrow.BATCH_ROWS:
                yield self._hand_over(batch)
                batch, rows = [], 0
        if batch:
            yield self._hand_over(batch)
        self._finish()

    def _hand_over(self, batch: Sequence[_Read]) -> pa.Table:
        """The batch as one table. Only now do cursors and coverage count it as read."""
        for read in batch:
            self._account_for(read)
        return arrow.join(list(buckets.tables(read.buckets for read in batch)))

    def _account_for(self, read: _Read) -> None:
        """A window with a rejected row is not known completely: it is covered by nothing and passed by no cursor."""
        account_id, window = read.buckets.account_id, read.buckets.window
        if read.buckets.rejected:
            return
        seen_until = self._seen_until()
        self._coverage += cursors.coverage(account_id, self._grouping, window.days(), window.end, seen_until)
        if read.moves and not self._extent.backfill:
            cursors.advance(self._state, account_id, min(window.end, windows.floor(self._grouping, seen_until)))

    def _finish(self) -> None:
        if self._extent.backfill:
            return
        at = min(self._begun_at, self._seen_until())
        for account_id, this in self._passes.items():
            if account_id not in self._with_gap:
                cursors.finish(self._state, account_id, this, self._extent.start, at)
