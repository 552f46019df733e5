"""Reads windows of usage completely: halves what may have been cut off, and does without a future that is refused."""

from datetime import datetime
from threading import Event
from typing import Any

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import BadRequestError, InvalidAnswerError, ServerError
from ai_gateway_billing.rows.records import Reading

from . import windows
from .buckets import Buckets, buckets
from .windows import Window

_SUSPICIOUS_COUNTS = (10, 100)
"""The default and the largest page size of the meters behind the API: as many rows may mean that more were cut off."""


class WindowReader:
    """Reads windows of one grouping. Threads may share it: that the API refuses a future end is learned once."""

    def __init__(self, client: Client, now: datetime, include_sensitive: bool = False) -> None:
        self._client = client
        self._now = now
        self._include_sensitive = include_sensitive
        self._future_is_refused = Event()

    def read(self, account_id: str, window: Window) -> Buckets:
        """All of the window, or of its part that has ended where the API refuses a future end. Raises `ApiError`."""
        closed = windows.floor(window.grouping, self._now)
        if window.end > closed and self._future_is_refused.is_set():
            return self._read(account_id, window.until(closed), window)
        try:
            return self._read(account_id, window, window)
        except (BadRequestError, ServerError):
            if window.end <= closed:
                raise
            found = self._read(account_id, window.until(closed), window)
            self._future_is_refused.set()
            return found

    def _read(self, account_id: str, asked: Window | None, window: Window) -> Buckets:
        history = self._history(account_id, asked) if asked else []
        nothing = Window(window.grouping, window.start, window.start)
        return buckets(history, asked or nothing, Reading(account_id, self._now, self._include_sensitive))

    def _history(self, account_id: str, window: Window) -> list[Any]:
        """All rows of the window: split and asked again as long as the answer may have been cut off."""
        answer = self._client.usage_history(
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
