"""Reads what the resources need: which accounts, and complete windows of usage, several requests at once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import cached_property, partial
from typing import Any, NamedTuple

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.usage import windows
from ai_gateway_billing.usage.buckets import TABLE, Buckets, buckets
from ai_gateway_billing.usage.windows import Grouping, Window

from . import parallel
from .errors import BadRequestError, BillingError, InvalidAnswerError, ServerError
from .outcome import Report

WORKERS = 8
_SUSPICIOUS_COUNTS = (10, 100)
"""The default and the largest page size of the meters behind the API: as many rows may mean that more were cut off."""
_WINDOW_FAILURES = 3
"""After this many failed windows the rest of an account's usage waits for the next load."""


class WindowRead(NamedTuple):
    """A window of an account, read completely, or the error that kept it from being read."""

    account_id: str
    result: Buckets | BillingError


class Reader:
    """One extraction: the client, the accounts, the moment that counts as now, and the report."""

    def __init__(
        self,
        client: Client,
        accounts: Callable[[], Sequence[str]],
        *,
        start: datetime,
        now: datetime,
        lookback_days: int | None = None,
        backfill: tuple[date, date] | None = None,
        full_refresh: bool = False,
        groupings: Sequence[Grouping] = ("hour", "day"),
        include_sensitive: bool = False,
        report: Report | None = None,
        strict: bool = False,
    ) -> None:
        self.client = client
        self._accounts = accounts
        self.start = windows.floor("day", start)
        self.now = now.astimezone(UTC)
        self.lookback_days = lookback_days
        self.backfill = backfill
        self.full_refresh = full_refresh
        self.groupings = groupings
        self.include_sensitive = include_sensitive
        self.report = report or Report()
        self.strict = strict
        self.usage_under_way: set[Grouping] = set()
        self.coverage: list[dict[str, Any]] = []
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="ai-gateway-billing")
        self._future_refused: set[Grouping] = set()

    @cached_property
    def account_ids(self) -> Sequence[str]:
        """The accounts to read, asked for once."""
        return self._accounts()

    def reading(self, account_id: str) -> Reading:
        """What this account's rows depend on besides the answer."""
        return Reading(account_id, self.now, self.include_sensitive)

    @property
    def seen_until(self) -> datetime:
        """Now, but never later than the API's clock: a wrong one here must not carry a cursor past unread time."""
        server = self.client.server_time
        return min(self.now, server) if server else self.now

    def of_each_account(self, ask: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
        """`ask`'s answer, or its error, for each account as it arrives."""
        jobs = {account: [partial(ask, account)] for account in self.account_ids}
        for account, _, answer in parallel.ordered(self._pool, jobs, WORKERS):
            yield account, answer

    def usage(self, grouping: Grouping, starts: dict[str, datetime], end: datetime) -> Iterator[WindowRead]:
        """Every window from each account's start to `end`, in order within an account."""
        plans = {account: list(windows.plan(grouping, start, end)) for account, start in starts.items()}
        for account, plan in plans.items():
            self.report.plan(account, TABLE[grouping], len(plan))
        failures = dict.fromkeys(plans, 0)
        jobs = {account: [partial(self._window, account, w, failures) for w in plan] for account, plan in plans.items()}
        for account, _, result in parallel.ordered(self._pool, jobs, WORKERS):
            if isinstance(result, BillingError):
                failures[account] += 1
            yield WindowRead(account, result)

    def _window(self, account_id: str, window: Window, failures: dict[str, int]) -> Buckets:
        if failures[account_id] >= _WINDOW_FAILURES:
            raise ServerError("not asked: several earlier windows failed", path="usage-history", account_id=account_id)
        closed = windows.floor(window.grouping, self.now)
        if window.end > closed and window.grouping in self._future_refused:
            return self._complete(account_id, window.until(closed), window)
        try:
            return self._complete(account_id, window, window)
        except (BadRequestError, ServerError):
            if window.end <= closed:
                raise
            result = self._complete(account_id, window.until(closed), window)
            self._future_refused.add(window.grouping)
            return result

    def _complete(self, account_id: str, asked: Window | None, window: Window) -> Buckets:
        history = self._history(account_id, asked) if asked else []
        nothing = Window(window.grouping, window.start, window.start)
        return buckets(history, asked or nothing, self.reading(account_id))

    def _history(self, account_id: str, window: Window) -> list[Any]:
        """All rows of the window: split and asked again as long as the answer may have been cut off."""
        answer = self.client.usage_history(
            account_id, window.grouping, windows.epoch_ms(window.start), windows.epoch_ms(window.end)
        )
        if not answer.has_more and len(answer.history) not in _SUSPICIOUS_COUNTS:
            return answer.history
        if window.buckets > 1:
            return [row for half in window.split() for row in self._history(account_id, half)]
        if answer.has_more:
            message = f"usage-history has more rows for the one {window.grouping} from {window.start} than it gives."
            raise InvalidAnswerError(message, path="usage-history", account_id=account_id)
        return answer.history
