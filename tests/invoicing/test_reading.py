"""Which lists are asked for, and what becomes of kinds that they do not agree on."""

from __future__ import annotations

from typing import Any

import pytest

from ai_gateway_billing.api.pages import Enough, Listing
from ai_gateway_billing.errors import BadRequestError, PagesInconsistentError
from ai_gateway_billing.invoicing import front
from ai_gateway_billing.invoicing.front import Front
from ai_gateway_billing.invoicing.reading import InvoiceReader, Read
from support.constants import ACCOUNT
from support.invoice_list import Book, invoice

TYPES = ("auto", "manual", "usage")


@pytest.fixture
def book() -> Book:
    book = Book()
    for number in range(120):
        book.add(invoice(number), TYPES[number % 3])
    return book


def whole(book: Book) -> Read:
    return InvoiceReader(book).read(ACCOUNT, None, None)  # type: ignore[arg-type]


def after(book: Book, read: Read) -> Read:
    """The next read; the book's requests are those of it."""
    kept = Front({}, 0).moved_on(read.listed, read.kinds).as_text()
    book.asked.clear()
    reader = InvoiceReader(book)  # type: ignore[arg-type]
    return reader.read(ACCOUNT, read.told, front.from_text(kept, 120))


def test_all_lists_are_read_to_their_ends_at_first(book: Book) -> None:
    read = whole(book)

    assert read.listed.is_whole
    assert len(read.kinds) == 120
    assert {kind for kind, _ in book.asked} == {"all", "auto", "manual"}


def test_only_the_first_page_is_read_when_nothing_is_new(book: Book) -> None:
    read = after(book, whole(book))

    assert not read.listed.is_whole
    assert len(read.kinds) == 50
    assert book.asked == [("all", 1)]


@pytest.mark.parametrize("kind", TYPES)
def test_a_new_invoice_is_looked_up_in_the_lists_by_type(book: Book, kind: str) -> None:
    first = whole(book)
    book.add(invoice(500), kind)
    read = after(book, first)

    assert read.kinds['["in_500"]'] == {"auto": "purchase_auto", "manual": "purchase_manual"}.get(kind, kind)
    assert book.asked == [("all", 1), ("all", 2), ("auto", 1), ("manual", 1)]


@pytest.mark.parametrize("created", [None, "2026", 1_600_000_000])
def test_lists_by_type_are_read_as_far_as_the_age_of_the_news_tells(book: Book, created: Any) -> None:
    first = whole(book)
    book.size = 10
    book.add(invoice(500, created=created), "auto")
    read = after(book, first)

    assert read.kinds['["in_500"]'] == "purchase_auto"
    assert ("auto", 5) in book.asked


def test_a_list_that_contradicts_what_was_known_has_everything_read_anew(book: Book) -> None:
    first = whole(book)
    book.types["in_119"] = "auto"
    book.add(invoice(500), "auto")
    read = after(book, first)

    assert read.listed.is_whole
    assert read.kinds['["in_119"]'] == "purchase_auto"


class Typeless(Book):
    """An API that refuses types, or gives only a part of such lists."""

    def __init__(self, *, part: bool) -> None:
        super().__init__()
        self.part = part

    def invoice_history(self, account_id: str, kind: str = "all", enough: Enough = lambda _: False) -> Listing:
        if kind == "all":
            return super().invoice_history(account_id, kind, enough)
        if not self.part:
            raise BadRequestError("no such type")
        listing = super().invoice_history(account_id, kind, enough)
        listing.problem = PagesInconsistentError("ignores `page`")
        return listing


@pytest.mark.parametrize(("part", "expected"), [(False, {"unknown"}), (True, {"purchase_auto", "unknown"})])
def test_what_types_do_not_tell_stays_unknown(part: bool, expected: set[str]) -> None:
    book = Typeless(part=part)
    for number in range(120):
        book.add(invoice(number), "auto" if number % 2 else "usage")
    first = whole(book)
    book.add(invoice(501), "usage")
    read = after(book, first)

    assert {*first.kinds.values()} == expected
    assert read.kinds['["in_501"]'] == "unknown"
