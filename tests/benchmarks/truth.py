"""What the benchmark's pretend accounts hold: a pure function of the account's number, so that every side agrees.

An hour's value is a whole number of millionths of a cent, which a float keeps as well, so that contenders that know
only floats can be checked too. A day holds the sum of its hours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MILLIONTHS = 1_000_000


class Bucket(NamedTuple):
    """One usage bucket; times in Unix milliseconds, the value in millionths of a cent."""

    id: str
    start_ms: int
    end_ms: int
    millionths: int

    @property
    def value(self) -> str:
        """Cents as JSON writes them."""
        return f"{self.millionths // MILLIONTHS}.{self.millionths % MILLIONTHS:06d}"


@dataclass(frozen=True)
class Truth:
    """So many accounts with a bucket for every hour in [start, end) and `invoices` invoices each."""

    accounts: int
    start_ms: int
    end_ms: int
    invoices: int = 1

    @property
    def account_ids(self) -> list[str]:
        """32 hexadecimal characters each."""
        return [f"{0xBE4C << 112 | number:032x}" for number in range(self.accounts)]

    def hours(self, account: int) -> Iterator[Bucket]:
        """Every hour, oldest first."""
        for start in range(self.start_ms, self.end_ms, HOUR_MS):
            name = f"mtrusg_bench{account:06x}h{start:016x}"
            yield Bucket(name, start, start + HOUR_MS, _millionths(account, start))

    def days(self, account: int) -> Iterator[Bucket]:
        """Every UTC day that has begun, oldest first."""
        for start in range(self.start_ms, self.end_ms, DAY_MS):
            hours = range(start, min(start + DAY_MS, self.end_ms), HOUR_MS)
            total = sum(_millionths(account, hour) for hour in hours)
            yield Bucket(f"mtrusg_bench{account:06x}d{start:016x}", start, start + DAY_MS, total)

    def buckets(self, grouping: str, account: int) -> Iterator[Bucket]:
        """Of one grouping, as the API calls it."""
        return self.hours(account) if grouping == "hour" else self.days(account)


def _millionths(account: int, start_ms: int) -> int:
    mixed = (start_ms // HOUR_MS * 2_654_435_761 + account * 40_503) % 4_294_967_296
    return mixed % (5_000 * MILLIONTHS) + 1
