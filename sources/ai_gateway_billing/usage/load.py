"""One grouping's usage as Arrow tables for dlt; cursors and coverage move with what has been handed over."""

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing.extraction import Reader
from ai_gateway_billing.rows import arrow, unknown
from ai_gateway_billing.rows.tables import TABLES

from . import buckets, cursors, windows
from .buckets import Buckets
from .windows import Grouping


class UsageLoad:
    """Reads one grouping of every account. A failed window stops its account's cursor, not the other accounts."""

    def __init__(self, reader: Reader, grouping: Grouping, state: cursors.State, seen_types: dict[str, str]) -> None:
        self.reader = reader
        self.grouping = grouping
        self.resource = buckets.TABLE[grouping]
        self.columns = TABLES[self.resource]
        self.state = state
        self.seen_types = seen_types
        self.passes: dict[str, cursors.Pass] = {}
        self.with_gap: set[str] = set()

    def tables(self) -> Iterator[pa.Table]:
        """Tables of at least `BATCH_ROWS` rows, but for the last one."""
        self.passes = {account_id: self._pass(account_id) for account_id in self.reader.account_ids}
        if not self.reader.backfill:
            for account_id, this in self.passes.items():
                cursors.begin(self.state, account_id, this)
        starts = {account_id: this.start for account_id, this in self.passes.items()}
        batch: list[Buckets] = []
        accounts: list[str] = []
        rows = 0
        for read in self.reader.usage(self.grouping, starts, self._end()):
            self.reader.report.step(read.account_id, self.resource)
            if isinstance(read.result, BillingError):
                if read.account_id in accounts:  # what came before the gap still counts
                    yield self._hand_over(accounts, batch)
                    accounts, batch, rows = [], [], 0
                self._failed(read.account_id, read.result)
                continue
            accounts.append(read.account_id)
            batch.append(read.result)
            rows += read.result.length
            if rows >= arrow.BATCH_ROWS:
                yield self._hand_over(accounts, batch)
                accounts, batch, rows = [], [], 0
        if batch:
            yield self._hand_over(accounts, batch)
        self._finish()

    def _pass(self, account_id: str) -> cursors.Pass:
        reader = self.reader
        if reader.backfill:
            return cursors.Pass(windows.midnight(reader.backfill[0]), False)
        cursor = self.state.get(account_id)
        return cursors.next_pass(cursor, reader.start, reader.now, reader.lookback_days, reader.full_refresh)

    def _end(self) -> datetime:
        running_end = windows.running_end(self.grouping, self.reader.now)
        if self.reader.backfill:
            return min(running_end, windows.midnight(self.reader.backfill[1]) + windows.DAY)
        return running_end

    def _failed(self, account_id: str, error: BillingError) -> None:
        self.with_gap.add(account_id)
        self.reader.report.fail(account_id, self.resource, error)

    def _hand_over(self, accounts: list[str], batch: list[Buckets]) -> pa.Table:
        """The batch as one table. Only now do cursors and coverage count it as read."""
        for account_id, result in zip(accounts, batch, strict=True):
            self._account_for(account_id, result)
        tables = [arrow.settle(table, self.columns, self.seen_types) for table in buckets.tables(batch)]
        for table in tables:
            self.reader.report.saw(self.resource, arrow.not_hinted(table, self.columns))
        return arrow.join(tables)

    def _account_for(self, account_id: str, result: Buckets) -> None:
        report, window = self.reader.report, result.window
        report.rows[self.resource] += result.rows
        for payload, error in result.rejected:
            self._failed(account_id, error)
            report.reject(account_id, error, unknown.as_json(unknown.redacted(payload)))
        if result.rejected:
            return
        seen_until = self.reader.seen_until
        self.reader.coverage += cursors.coverage(account_id, self.grouping, window.days(), window.end, seen_until)
        if account_id not in self.with_gap and not self.reader.backfill:
            ended = min(window.end, windows.floor(self.grouping, seen_until))
            cursors.advance(self.state, account_id, ended)

    def _finish(self) -> None:
        if self.reader.backfill:
            return
        for account_id, this in self.passes.items():
            if account_id not in self.with_gap:
                cursors.finish(self.state, account_id, this, self.reader.start, self.reader.seen_until)
