"""Reads the estimates of one account: whole hours, each with all its rows, or not at all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ai_gateway_billing.api.analytics import SUMS, Analytics, Offer
from ai_gateway_billing.errors import BillingError, InvalidAnswerError, RecordError
from ai_gateway_billing.outcome import Rejected
from ai_gateway_billing.rows import records, unknown, values
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.rows.tables import FIELDS

from .hours import Plan, Stretch
from .tags import Tags

USAGE: Final = "gateway_usage_hourly"
TAGS: Final = "gateway_usage_tags_hourly"
_MEASURES: Final = tuple(name for name, each in FIELDS[USAGE].items() if each.sent_as in ("count", *SUMS))
_GIVE_UP_AFTER: Final = 3


@dataclass(slots=True)
class Found:
    """What was read of one account: rows of hours, which hours, and until when without a hole.

    `error`: some hours could not be read. What could is there all the same.
    """

    plan: Plan
    offer: Offer
    read_until: datetime
    rows: list[Row] = field(default_factory=list)
    hours: list[datetime] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    error: BillingError | None = None


class HourReader:
    """Reads the hours of one account. `tags`: by these tags instead of as a whole."""

    def __init__(self, analytics: Analytics, reading: Reading, offer: Offer, tags: Tags | None = None) -> None:
        self._analytics = analytics
        self._reading = reading
        self._offer = offer
        self._tags = tags
        self._fields = [name for name in offer.fields if tags or name != "metadataRaw"]

    def read(self, plan: Plan) -> Found:
        """Every window of the plan. One that fails leaves its hours as they are, and the others are read."""
        found = Found(plan, self._offer, plan.reach.start)
        failed = 0
        for window in plan.windows(self._offer.max_duration_s):
            try:
                found.rows += self._rows(window, found.rejected)
            except BillingError as error:
                found.error = found.error or error
                failed += 1
            else:
                found.hours += window.hours()
                found.read_until = found.read_until if failed else window.end
            if failed == _GIVE_UP_AFTER:
                break
        return found

    def _rows(self, window: Stretch, rejected: list[Rejected]) -> list[Row]:
        """The rows of the window, each combination of hour, gateway and the others once."""
        sums: dict[tuple[Any, ...], Row] = {}
        for group in self._groups(window):
            try:
                for row in self._made(group, window):
                    key = tuple(value for name, value in row.items() if name not in _MEASURES)
                    _add(sums.setdefault(key, row), row)
            except RecordError as error:
                payload = {name: value for name, value in group.items() if name != "metadataRaw"}
                rejected.append(unknown.rejected(error, payload))
                raise
        return list(sums.values())

    def _made(self, group: dict[str, Any], window: Stretch) -> Iterator[Row]:
        row = records.documented(USAGE, group, self._reading)
        if not window.start <= row["hour"] < window.end:
            raise RecordError(USAGE, "datetimeHour", "is outside the requested time")
        if self._tags is None:
            yield row
            return
        for name, value in self._tags.of(group.get("metadataRaw")).items():
            yield {**row, "tag": name, "value": value, "is_hashed": bool(self._tags.key)}

    def _groups(self, window: Stretch) -> Iterator[dict[str, Any]]:
        """All groups of the window, flat: split and asked again where the answer may be only a part of them."""
        account_id, limit = self._reading.account_id, self._offer.page_size
        rows = self._analytics.groups(account_id, self._fields, *window, limit)
        if len(rows) < limit:
            yield from map(_flat, rows)
            return
        halves = window.halves()
        if halves is None:
            message = (
                f"The analytics of account {account_id} have more groups in the minute from {window.start} than the "
                f"{limit} that they give. This hour is left out."
            )
            raise InvalidAnswerError(message, path="graphql", account_id=account_id)
        for half in halves:
            yield from self._groups(half)


def _flat(group: dict[str, Any]) -> dict[str, Any]:
    parts = [part for part in (group.get("sum"), group.get("dimensions")) if isinstance(part, dict)]
    return {"count": group.get("count"), **{name: value for part in parts for name, value in part.items()}}


def _add(into: Row, row: Row) -> None:
    """Add the measures of a row to those of another; what neither has stays unknown."""
    if into is row:
        return
    for name in _MEASURES:
        known: Sequence[Any] = [each[name] for each in (into, row) if each[name] is not None]
        into[name] = values.total(known) if known else None
