"""Read every page of the invoice history until one full read is consistent.

Pages are numbered, so an invoice that appears or goes while reading shifts the others: rows would come twice
or never, without a sign. A read counts only if no id stood on two pages, the announced total held still and
equals the rows, and the first page, asked again, still lists the same invoices.

Who knows the older ones may have enough after some pages. The total then tells whether they are still the same.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from ai_gateway_billing.errors import PagesInconsistentError

from .envelope import Origin, drifted, objects

PAGE_CAP: Final = 1000
FULL_READS: Final = 3

T = TypeVar("T")
Row = dict[str, Any]
Fetch = Callable[[int], dict[str, Any]]


class Listing(list[Row]):
    """The rows of a listing. `problem` tells why they are not all that were wanted, and is None when they are.

    `is_whole`: they are not only the newest, with which somebody had enough.
    """

    problem: PagesInconsistentError | None = None
    is_whole = True


def numbered(fetch: Callable[[int], T], origin: Origin) -> Iterator[tuple[int, T]]:
    """Every page with its number, counted from 1. Raises `PagesInconsistentError` when there is no end to them."""
    for number in range(1, PAGE_CAP + 1):
        yield number, fetch(number)
    raise _inconsistent(origin, f"more than {PAGE_CAP} pages. Report this.")


class Page(NamedTuple):
    """One page: its rows, whether more follow, and the announced total and page number where sent."""

    rows: list[Row]
    has_more: bool
    total: int | None
    number: int | None

    @property
    def keys(self) -> list[str]:
        """What each row is known by, in order."""
        return [_key(row) for row in self.rows]


Enough = Callable[[Sequence[Page]], bool]
"""Whether the pages so far, newest first, are all that is wanted."""


@dataclass(frozen=True)
class Pages:
    """A paged endpoint: `fetch` returns the `result` of a page, counted from 1."""

    fetch: Fetch
    origin: Origin

    def read(self, enough: Enough = lambda _: False) -> Listing:
        """Return the rows of a consistent read, as ordered by the API.

        It ends where there is `enough`; once the list has changed meanwhile, everything is read. Where the API ignores
        `page`, those that it gives, with that as their problem. Raises `PagesInconsistentError` when no read was
        consistent, `InvalidAnswerError` when a page is no proper page.
        """
        readings: list[_Reading] = []
        problem = ""
        while len(readings) < FULL_READS:
            reading = self._read_once(enough if not readings else lambda _: False)
            readings.append(reading)
            problem = reading.problem()
            if not problem:
                return _listing(reading)
            if reading.ignored:
                return self._part(reading)
        if all(reading.is_as_stuck_as(readings[0]) for reading in readings):
            return self._part(readings[0])
        raise _inconsistent(self.origin, f"{problem} during each of {FULL_READS} attempts. Run again later.")

    def _read_once(self, enough: Enough) -> "_Reading":
        reading = _Reading()
        for number, page in numbered(self._page, self.origin):
            reading.ignored = reading.add(page) and page.number not in (None, number)
            reading.is_part = not reading.shifts() and enough(reading.pages)
            if reading.is_part or reading.stuck or not (page.has_more and page.rows):
                break
        if len(reading.pages) > 1 and not reading.is_part and not reading.problem():
            reading.check_first(self._page(1))
        return reading

    def _part(self, reading: "_Reading") -> Listing:
        listing = Listing(reading.listed())
        listing.problem = _inconsistent(
            self.origin,
            f"the API ignores `page`, so only the first {len(listing)} can be read. They are loaded, and none of the "
            "others counts as deleted. Report this.",
        )
        return listing

    def _page(self, number: int) -> Page:
        result = self.fetch(number)
        rows, pagination = objects(result.get("invoices"), self.origin, "`invoices`"), result.get("pagination")
        if not (isinstance(pagination, dict) and isinstance(pagination.get("has_more"), bool)):
            raise drifted(self.origin, "`pagination.has_more` is missing")
        total, number_sent = pagination.get("total_count"), pagination.get("page")
        return Page(rows, pagination["has_more"], _whole(total), _whole(number_sent))


@dataclass
class _Reading:
    """What one pass over the pages found."""

    rows: list[Row] = field(default_factory=list)
    known: dict[str, Row] = field(default_factory=dict)
    pages: list[Page] = field(default_factory=list)
    is_part: bool = False  # somebody had enough of it
    stuck: bool = False  # a page brought nothing but what was known
    ignored: bool = False  # and said itself that it is another than asked for
    repeated: bool = False
    moved: bool = False

    def add(self, page: Page) -> bool:
        """Take a page in; True when it brought nothing but what was known."""
        fresh = [key for key in page.keys if key not in self.known]
        if self.first and page.rows:
            self.moved |= page.total != self.first.total
            self.repeated |= any(row.get("id") and _key(row) in self.known for row in page.rows)
            self.stuck = not fresh
        self.pages.append(page)
        self.rows += page.rows
        self.known.update(zip(page.keys, page.rows, strict=True))
        return self.stuck

    def check_first(self, again: Page) -> None:
        """Compare the first page, asked for once more at the end."""
        assert self.first is not None  # noqa: S101 - tells the type checker: a page was added before
        self.moved |= (again.keys, again.total) != (self.first.keys, self.first.total)

    def is_as_stuck_as(self, other: "_Reading") -> bool:
        """Whether both stopped at the same repeated page, and nothing moved that could have shifted one."""
        firsts = self.first and self.first.keys, other.first and other.first.keys
        return self.stuck and not self.moved and firsts[0] == firsts[1]

    @property
    def first(self) -> Page | None:
        """The page that was read first."""
        return self.pages[0] if self.pages else None

    def shifts(self) -> str:
        """What shows that the pages do not belong to one moment; empty when nothing does."""
        if self.stuck:
            return "a later page only repeated invoices of earlier ones"
        if self.moved:
            return "the list changed"
        return "the same invoice was on two pages" if self.repeated else ""

    def problem(self) -> str:
        """What is wrong with this read; empty when nothing is."""
        total = self.first.total if self.first and not self.is_part else None
        if self.shifts():
            return self.shifts()
        if total is not None and total not in (len(self.rows), len(self.known)):
            return f"the API announces {total} invoices but lists {len(self.known)}"
        return ""

    def listed(self) -> list[Row]:
        """The rows, each once. Those that are alike are kept when the API counts them all; what differs always is."""
        if not self.stuck and self.first and self.first.total == len(self.rows):
            return self.rows
        return list({_content(row): row for row in self.rows}.values())


def _listing(reading: _Reading) -> Listing:
    listing = Listing(reading.rows if reading.is_part else reading.listed())
    listing.is_whole = not reading.is_part
    return listing


def _inconsistent(origin: Origin, what: str) -> PagesInconsistentError:
    return origin.error(PagesInconsistentError, f"No complete list of {origin.words()}: {what}")


def _key(row: Row) -> str:
    """An invoice's id; without one, its content."""
    return f"id {row['id']}" if row.get("id") else _content(row)


def _content(row: Row) -> str:
    return json.dumps(row, sort_keys=True, default=str)


def _whole(value: object) -> int | None:
    """A count as sent: `number` in the contract, so 50.0 is one too."""
    try:
        return int(value) if not isinstance(value, bool | str) else None  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return None
