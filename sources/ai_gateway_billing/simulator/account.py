"""One pretend account: generated, or put together bucket by bucket, or generated and then changed by hand.

Moments are `datetime`s with a time zone; `Bucket` and the API's fields carry Unix seconds. Money is in cents.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

from .exact import JsonObject, total
from .story import Story
from .usage import DAY, HOUR

WIDTHS = {"hour": HOUR, "day": DAY}
NO_CONFIG: JsonObject = {
    "amount": 0,
    "threshold": 0,
    "disabledReason": None,
    "error": None,
    "lastFailedAt": None,
}
NOT_SET: Any = object()
"""Stands for "as generated" where None means something of its own."""


class Bucket(NamedTuple):
    """One bucket `[start, end)` of usage; `start_s` and `end_s` in Unix seconds, `value` in cents."""

    id: str
    start_s: int
    end_s: int
    value: Decimal

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(self.start_s, UTC)

    @property
    def end(self) -> datetime:
        return datetime.fromtimestamp(self.end_s, UTC)


_Parts = tuple[tuple[str | None, Decimal], ...]


class Account:
    """What the API would know about one account. Readers take `now`; every other method changes the account."""

    def __init__(self, account_id: str, name: str = "Example", story: Story | None = None) -> None:
        self.id = account_id
        self.name = name
        self.created_on = datetime.fromtimestamp(story.start if story else 0, UTC)
        self.preview_absent = "not_found"
        """How "nothing to preview" is said: `not_found` (404), `null`, or `empty` (no lines)."""
        self._story = story
        self._parts: dict[str, dict[int, _Parts]] = {"hour": {}, "day": {}}
        self._starts: dict[str, list[int]] = {"hour": [], "day": []}
        self._reids: dict[tuple[str, int], int] = {}
        self._invoices: dict[str, JsonObject | None] = {}
        self._preview: JsonObject | None = NOT_SET
        self._balance: JsonObject = {}
        self._topup_config: JsonObject = NOT_SET
        self._topup_limits: JsonObject = {"min_cents": 1000, "max_cents": 1_000_000, "currency": "USD"}
        self._spending_limit: JsonObject | None = NOT_SET

    # Usage: change

    def set_hour(self, start: datetime, *values: object, ids: Sequence[str | None] = ()) -> None:
        """Say what an hour holds: no value (withdrawn), one, or several buckets, with chosen ids or not."""
        self.set_buckets("hour", start, *values, ids=ids)

    def set_day(self, start: datetime, *values: object, ids: Sequence[str | None] = ()) -> None:
        """Say what a UTC day holds, whatever its hours sum to."""
        self.set_buckets("day", start, *values, ids=ids)

    def set_buckets(
        self, grouping: str, start: datetime, *values: object, ids: Sequence[str | None] = ()
    ) -> None:
        """Replace what the bucket at `start` holds. Values are Decimals, ints, or text; never floats."""
        named = [*ids, *[None] * (len(values) - len(ids))]
        self._put(grouping, start, tuple(zip(named, map(_money, values), strict=True)))

    def add_bucket(self, grouping: str, start: datetime, value: object, bucket_id: str | None = None) -> None:
        """Put one more bucket beside those of the same time that were set by hand."""
        parts = self._parts[grouping].get(_seconds(start), ())
        self._put(grouping, start, (*parts, (bucket_id, _money(value))))

    def withdraw(self, grouping: str, start: datetime) -> None:
        """The API no longer sends what stands at `start`."""
        self._put(grouping, start, ())

    def reid(self, grouping: str, start: datetime) -> None:
        """Give what stands at `start` new ids, values unchanged."""
        at = _seconds(start)
        self._reids[grouping, at] = self._reids.get((grouping, at), 0) + 1
        if at in self._parts[grouping]:
            self._put(grouping, start, tuple((None, value) for _, value in self._parts[grouping][at]))

    def as_generated(self, grouping: str, start: datetime) -> None:
        """Forget what was said by hand about the bucket at `start`."""
        at = _seconds(start)
        if self._parts[grouping].pop(at, None) is not None:
            self._starts[grouping].remove(at)

    def _put(self, grouping: str, start: datetime, parts: _Parts) -> None:
        at = _seconds(start)
        if at % WIDTHS[grouping]:
            raise ValueError(f"{start} starts no UTC {grouping}")
        if at not in self._parts[grouping]:
            insort(self._starts[grouping], at)
        self._parts[grouping][at] = parts

    # Usage: read

    def buckets(
        self,
        grouping: str,
        now: datetime,
        start_s: int = 0,
        end_s: int | None = None,
        most: int | None = None,
    ) -> list[Bucket]:
        """The buckets that begin in `[start_s, end_s)` and not after `now`, newest first, at most `most`."""
        now_s = _seconds(now)
        last = now_s + 1 if end_s is None else min(end_s, now_s + 1)
        found: list[Bucket] = []
        for at in self._slots(grouping, start_s, last):
            found += self._at(grouping, at, now_s)
            if most is not None and len(found) >= most:
                return found[:most]
        return found

    def _slots(self, grouping: str, first: int, last: int) -> Iterable[int]:
        """Starts of buckets that may hold something, newest first."""
        width = WIDTHS[grouping]
        by_hand = {at // width * width for at in self._between("hour", first, last)}
        by_hand.update(self._between(grouping, first, last))
        if self._story is None:
            return sorted(by_hand, reverse=True)
        low = max(first, self._story.start)
        generated = range(-(-low // width) * width, last, width)
        if not by_hand:
            return reversed(generated)
        return sorted(by_hand.union(generated), reverse=True)

    def _at(self, grouping: str, at: int, now: int) -> list[Bucket]:
        parts = self._parts[grouping].get(at)
        if parts is None:
            value = self._derived(grouping, at, now)
            parts = () if value is None else ((None, value),)
        end = at + WIDTHS[grouping]
        return [
            Bucket(own_id or self._bucket_id(grouping, at, place), at, end, value)
            for place, (own_id, value) in enumerate(parts)
        ]

    def _derived(self, grouping: str, at: int, now: int) -> Decimal | None:
        """What follows from the generated usage and, for a day, from hours set by hand."""
        if grouping == "day" and self._between("hour", at, at + DAY):
            hours = [
                b.value
                for hour in range(at, min(at + DAY, now + 1), HOUR)
                for b in self._at("hour", hour, now)
            ]
            return total(hours) if hours else None
        return self._story.value(grouping, at, now) if self._story else None

    def _between(self, grouping: str, first: int, last: int) -> list[int]:
        starts = self._starts[grouping]
        return starts[bisect_left(starts, first) : bisect_left(starts, last)]

    def _bucket_id(self, grouping: str, at: int, place: int) -> str:
        mark = f"{self.id}:{grouping}:{at}:{place}:{self._reids.get((grouping, at), 0)}"
        return "mtrusg_sim_" + blake2b(mark.encode(), digest_size=12).hexdigest()

    # Invoices

    def put_invoice(self, invoice: JsonObject, key: str | None = None) -> str:
        """Add an invoice, or replace the one of that key. Returns the key: its id, or one made up for a null id."""
        key = key or invoice.get("id") or f"without-id-{len(self._invoices)}"
        self._invoices[key] = dict(invoice)
        return key

    def change_invoice(self, key: str, now: datetime, **fields: object) -> None:
        """Overwrite some fields of an invoice, also of a generated one."""
        self._invoices[key] = {**self._invoices_by_key(now)[key], **fields}

    def delete_invoice(self, key: str) -> None:
        """The API no longer lists this invoice."""
        self._invoices[key] = None

    def invoice_keys(self, now: datetime) -> list[str]:
        """The keys by which invoices are changed, newest invoice first."""
        return [key for key, _ in _newest_first(self._invoices_by_key(now))]

    def invoices(self, now: datetime, kind: str = "all") -> list[JsonObject]:
        """Every invoice, newest first; `kind` is `all`, `auto` or `manual`, by origin."""
        listed = [invoice for _, invoice in _newest_first(self._invoices_by_key(now))]
        return [each for each in listed if kind == "all" or each.get("invoice_origin") == kind]

    def _invoices_by_key(self, now: datetime) -> dict[str, JsonObject]:
        generated = self._story.invoices(_seconds(now)) if self._story else []
        known = {each["id"] or f"generated-{each['created']}": each for each in generated}
        merged: dict[str, JsonObject | None] = {**known, **self._invoices}
        return {key: each for key, each in merged.items() if each is not None}

    # Snapshots

    def set_preview(self, preview: JsonObject | None, absent: str = "not_found") -> None:
        """Say what the preview holds; None is "nothing to preview", said in one of `preview_absent`'s ways."""
        self._preview, self.preview_absent = preview, absent

    def preview(self, now: datetime) -> JsonObject | None:
        """The statement of the running month, or None."""
        if self._preview is not NOT_SET:
            return self._preview
        return self._story.preview(_seconds(now)) if self._story else None

    def set_balance(self, balance: object = NOT_SET, **fields: object) -> None:
        """Overwrite the balance in cents, or any other field of credit-balance by its name."""
        self._balance |= fields if balance is NOT_SET else {"balance": balance, **fields}

    def balance(self, now: datetime) -> JsonObject:
        """The credit balance. `topup_config` in it follows the account's, unless it was set here."""
        if self._story:
            return {
                **self._story.balance(_seconds(now)),
                "topup_config": self.topup_config(now),
                **self._balance,
            }
        new: JsonObject = {
            "balance": 0,
            "first_topup_success": False,
            "has_default_payment_method": False,
            "payment_method": None,
            "topup_config": self.topup_config(now),
        }
        return new | self._balance

    def set_topup_config(self, config: JsonObject) -> None:
        """Replace the automatic top-up configuration as a whole."""
        self._topup_config = config

    def topup_config(self, now: datetime) -> JsonObject:
        """The automatic top-up in cents; zeros when there is none."""
        if self._topup_config is not NOT_SET:
            return self._topup_config
        return self._story.topup_config(_seconds(now)) if self._story else dict(NO_CONFIG)

    def set_topup_limits(self, limits: JsonObject) -> None:
        """Replace the bounds of a single top-up."""
        self._topup_limits = limits

    def topup_limits(self) -> JsonObject:
        """The smallest and largest top-up in cents."""
        return self._topup_limits

    def set_spending_limit(self, limit: JsonObject | None) -> None:
        """Replace the spending limit; None is the answer `NO_MANUAL_TOPUP`."""
        self._spending_limit = limit

    def spending_limit(self) -> JsonObject | None:
        """The spending limit in cents, or None while nobody has topped up by hand."""
        if self._spending_limit is not NOT_SET:
            return self._spending_limit
        return self._story.spending_limit() if self._story else None


def _newest_first(invoices: dict[str, JsonObject]) -> list[tuple[str, JsonObject]]:
    return sorted(invoices.items(), key=lambda pair: -int(pair[1].get("created") or 0))


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return int(moment.timestamp())


def _money(value: object) -> Decimal:
    if isinstance(value, float):
        raise TypeError("money as a float is not exact")
    return Decimal(value)  # type: ignore[arg-type]  # Decimal itself refuses what it cannot take
