"""The usage buckets of one pretend account: generated, put together by hand, or generated and then changed.

Moments are `datetime`s with a time zone; `Bucket` and the API's fields carry Unix seconds. Money is in cents.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

from .exact import total
from .story import Story
from .usage import DAY, HOUR

WIDTHS = {"hour": HOUR, "day": DAY}


class Bucket(NamedTuple):
    """One bucket `[start, end)` of usage; `start_s` and `end_s` in Unix seconds, `value` in cents."""

    id: str
    start_s: int
    end_s: int
    value: Decimal

    @property
    def start(self) -> datetime:
        """The first instant in it."""
        return datetime.fromtimestamp(self.start_s, UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return datetime.fromtimestamp(self.end_s, UTC)


_Parts = tuple[tuple[str | None, Decimal], ...]


class UsageBook:
    """The buckets of both groupings. What is said by hand wins over what the story says."""

    def __init__(self, account_id: str, story: Story | None = None) -> None:
        self.id = account_id
        self._story = story
        self._parts: dict[str, dict[int, _Parts]] = {"hour": {}, "day": {}}
        self._starts: dict[str, list[int]] = {"hour": [], "day": []}
        self._reids: dict[tuple[str, int], int] = {}
        self._settled: dict[tuple[str, int], list[Bucket]] = {}
        self._growing: dict[tuple[str, int], list[Bucket]] = {}
        self._minute = -1

    def set_hour(self, start: datetime, *values: object, ids: Sequence[str | None] = ()) -> None:
        """Say what an hour holds: no value (withdrawn), one, or several buckets, with chosen ids or not."""
        self.set_buckets("hour", start, *values, ids=ids)

    def set_day(self, start: datetime, *values: object, ids: Sequence[str | None] = ()) -> None:
        """Say what a UTC day holds, whatever its hours sum to."""
        self.set_buckets("day", start, *values, ids=ids)

    def set_buckets(self, grouping: str, start: datetime, *values: object, ids: Sequence[str | None] = ()) -> None:
        """Replace what the bucket at `start` holds. Values are Decimals, ints, or text; never floats."""
        named = [*ids, *[None] * (len(values) - len(ids))]
        self._put(grouping, start, tuple(zip(named, map(_money, values), strict=True)))

    def add_bucket(self, grouping: str, start: datetime, value: object, bucket_id: str | None = None) -> None:
        """Put one more bucket beside those of the same time that were set by hand."""
        parts = self._parts[grouping].get(seconds(start), ())
        self._put(grouping, start, (*parts, (bucket_id, _money(value))))

    def withdraw(self, grouping: str, start: datetime) -> None:
        """The API no longer sends what stands at `start`."""
        self._put(grouping, start, ())

    def reid(self, grouping: str, start: datetime) -> None:
        """Give what stands at `start` new ids, values unchanged."""
        at = seconds(start)
        self._reids[grouping, at] = self._reids.get((grouping, at), 0) + 1
        self._forget(at)
        if at in self._parts[grouping]:
            self._put(grouping, start, tuple((None, value) for _, value in self._parts[grouping][at]))

    def as_generated(self, grouping: str, start: datetime) -> None:
        """Forget what was said by hand about the bucket at `start`."""
        at = seconds(start)
        if self._parts[grouping].pop(at, None) is not None:
            self._starts[grouping].remove(at)
            self._forget(at)

    def _put(self, grouping: str, start: datetime, parts: _Parts) -> None:
        at = seconds(start)
        if at % WIDTHS[grouping]:
            raise ValueError(f"{start} starts no UTC {grouping}")
        if at not in self._parts[grouping]:
            insort(self._starts[grouping], at)
        self._parts[grouping][at] = parts
        self._forget(at)

    def _forget(self, at: int) -> None:
        self._growing.clear()
        self._settled.pop(("hour", at), None)
        self._settled.pop(("day", at // DAY * DAY), None)

    def buckets(
        self,
        grouping: str,
        now: datetime,
        start_s: int = 0,
        end_s: int | None = None,
        most: int | None = None,
    ) -> list[Bucket]:
        """The buckets that begin in `[start_s, end_s)` and not after `now`, newest first, at most `most`."""
        now_s = seconds(now)
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
        """What stands at one start; kept for good once time cannot change it, else for the running minute."""
        cache, key = self._settled, (grouping, at)
        late = self._story.late_horizon if self._story else 0
        if now < at + WIDTHS[grouping] + late:
            if self._minute != now // 60:
                self._minute, self._growing = now // 60, {}
            cache = self._growing
        if key not in cache:
            cache[key] = self._made(grouping, at, now)
        return cache[key]

    def _made(self, grouping: str, at: int, now: int) -> list[Bucket]:
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
            hours = range(at, min(at + DAY, now + 1), HOUR)
            values = [bucket.value for hour in hours for bucket in self._at("hour", hour, now)]
            return total(values) if values else None
        return self._story.value(grouping, at, now) if self._story else None

    def _between(self, grouping: str, first: int, last: int) -> list[int]:
        starts = self._starts[grouping]
        return starts[bisect_left(starts, first) : bisect_left(starts, last)]

    def _bucket_id(self, grouping: str, at: int, place: int) -> str:
        mark = f"{self.id}:{grouping}:{at}:{place}:{self._reids.get((grouping, at), 0)}"
        return "mtrusg_sim_" + blake2b(mark.encode(), digest_size=12).hexdigest()


def seconds(moment: datetime) -> int:
    """Unix seconds of a moment. Raises ValueError without a time zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return int(moment.timestamp())


def _money(value: object) -> Decimal:
    if isinstance(value, float):
        raise TypeError("money as a float is not exact")
    return Decimal(value)  # type: ignore[arg-type]  # Decimal itself refuses what it cannot take
