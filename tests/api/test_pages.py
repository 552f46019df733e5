"""A listing is complete and consistent, or an error says why not."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.api.envelope import Origin
from ai_gateway_billing.api.pages import FULL_READS, Pages
from ai_gateway_billing.api.pages import Listing as Answer
from ai_gateway_billing.errors import InvalidAnswerError, PagesInconsistentError, ServerError
from support.constants import ACCOUNT

Row = dict[str, Any]


def invoice(number: int) -> Row:
    return {"id": f"in_{number}", "amount_due": number}


def invoices(count: int) -> list[Row]:
    """Newest first, as the API lists them."""
    return [invoice(number) for number in range(count, 0, -1)]


class Listing:
    """A paged listing that may change before each page is served: `changes[n]` acts before the n-th one."""

    def __init__(self, rows: list[Row], size: int = 50, changes: dict[int, Callable[[list[Row]], None]] | None = None):
        self.rows, self.size, self.changes = rows, size, changes or {}
        self.asked: list[int] = []

    def __call__(self, page: int) -> Row:
        self.asked.append(page)
        self.changes.get(len(self.asked), lambda rows: None)(self.rows)
        start = (page - 1) * self.size
        pagination = {
            "has_more": start + self.size < len(self.rows),
            "page": page,
            "per_page": self.size,
            "total_count": len(self.rows),
        }
        return {"invoices": self.rows[start : start + self.size], "pagination": pagination}


def read(fetch: Callable[[int], Row]) -> Answer:
    return Pages(fetch, Origin("ai-gateway/billing/invoice-history", ACCOUNT)).read()


def page(rows: list[Row], *, more: bool, number: int | None = None, total: object = None) -> Row:
    return {"invoices": rows, "pagination": {"has_more": more, "page": number, "total_count": total}}


def failure(fetch: Callable[[int], Row]) -> str:
    with pytest.raises(PagesInconsistentError) as caught:
        read(fetch)
    assert caught.value.account_id == ACCOUNT
    assert caught.value.path == "ai-gateway/billing/invoice-history"
    return str(caught.value)


@pytest.mark.parametrize(("count", "asked"), [(0, [1]), (1, [1]), (50, [1]), (51, [1, 2, 1]), (120, [1, 2, 3, 1])])
def test_every_page_is_read_and_the_first_once_more(count: int, asked: list[int]) -> None:
    """Only where there is more than one: a single page is one moment."""
    listing = Listing(invoices(count))

    assert read(listing) == invoices(count)
    assert listing.asked == asked


@pytest.mark.parametrize("size", [1, 7, 20])
def test_pages_may_be_smaller_than_asked_for(size: int) -> None:
    assert read(Listing(invoices(60), size)) == invoices(60)


def test_an_empty_page_ends_the_list() -> None:
    pages = {1: page(invoices(2), more=True), 2: page([], more=True)}

    assert read(pages.__getitem__) == invoices(2)


def test_a_new_invoice_while_reading_starts_over() -> None:
    listing = Listing(invoices(120), changes={2: lambda rows: rows.insert(0, invoice(121))})

    assert read(listing) == invoices(121)
    assert listing.asked == [1, 2, 3, 1, 2, 3, 1]


def test_an_invoice_withdrawn_while_reading_starts_over() -> None:
    """Without that, the one that moves up over the seam would be lost."""
    listing = Listing(invoices(120), changes={3: lambda rows: rows.remove(invoice(90))})

    assert read(listing) == [row for row in invoices(120) if row != invoice(90)]


def test_one_coming_and_one_going_is_noticed_though_the_total_stands() -> None:
    def swap(rows: list[Row]) -> None:
        rows.remove(invoice(1))
        rows.insert(0, invoice(121))

    assert read(Listing(invoices(120), changes={2: swap})) == invoices(121)[:-1]


def test_a_change_on_the_first_page_is_noticed_at_the_end() -> None:
    def swap(rows: list[Row]) -> None:
        rows[3] = invoice(500)

    assert invoice(500) in read(Listing(invoices(60), changes={3: swap}))


def test_a_status_that_changes_while_reading_is_no_inconsistency() -> None:
    listing = Listing(invoices(60), changes={3: lambda rows: rows.__setitem__(0, invoice(60) | {"status": "paid"})})

    read(listing)
    assert listing.asked == [1, 2, 1]


def test_a_list_that_never_stands_still_is_an_error() -> None:
    changes = {number: lambda rows: rows.insert(0, invoice(len(rows) + 1)) for number in range(1, 100)}
    listing = Listing(invoices(120), changes=changes)

    assert "the list changed" in failure(listing)
    assert listing.asked.count(2) == FULL_READS


def test_a_total_that_never_fits_is_an_error() -> None:
    assert "announces 3 invoices but lists 2" in failure(lambda _: page(invoices(2), more=False, total=3))


@pytest.mark.parametrize("total", [None, True, "2", "two", [2], float("nan"), float("inf")])
def test_a_total_that_is_no_number_is_not_compared(total: object) -> None:
    assert len(read(lambda _: page(invoices(2), more=False, total=total))) == 2


@pytest.mark.parametrize("total", [2, 2.0, Decimal("2.0"), Decimal("2E+0")])
def test_a_total_may_be_written_as_any_number(total: object) -> None:
    assert len(read(lambda _: page(invoices(2), more=False, total=total))) == 2


def test_an_invoice_on_two_pages_is_an_error_when_it_stays() -> None:
    pages = {1: page(invoices(2), more=True), 2: page([invoice(2), invoice(0)], more=False)}

    assert "the same invoice was on two pages" in failure(pages.__getitem__)


def test_an_ignored_page_is_told_at_once_when_the_answer_says_so() -> None:
    asked: list[int] = []

    def fetch(number: int) -> Row:
        asked.append(number)
        return page(invoices(50), more=True, number=1, total=120)

    assert_first_page_alone(fetch)
    assert asked == [1, 2]


def test_an_ignored_page_is_told_after_reading_again_when_it_may_be_a_shift() -> None:
    asked: list[int] = []

    def fetch(number: int) -> Row:
        asked.append(number)
        return page(invoices(50), more=True)

    assert_first_page_alone(fetch)
    assert asked == [1, 2] * FULL_READS


@pytest.mark.parametrize("total", [None, 50, 100, 120])
@pytest.mark.parametrize("says_which", [True, False])
def test_where_the_page_is_ignored_the_first_is_given_with_the_problem(total: int | None, says_which: bool) -> None:
    """Whether or not the answer repeats the number that it was asked for."""
    assert_first_page_alone(
        lambda number: page(invoices(50), more=True, number=1 if says_which else number, total=total)
    )


def assert_first_page_alone(fetch: Callable[[int], Row]) -> None:
    listing = read(fetch)
    assert listing == invoices(50)
    assert "the API ignores `page`" in str(listing.problem)


def test_a_whole_listing_has_no_problem() -> None:
    assert read(Listing(invoices(120))).problem is None


def test_pages_without_end_are_an_error() -> None:
    assert "more than 1000 pages" in failure(lambda number: page([invoice(number)], more=True))


def test_rows_without_id_are_told_apart_by_content() -> None:
    rows = [{"id": None, "amount_due": Decimal("1.5")}, {"amount_due": 2}, {"id": "", "amount_due": 3}]

    assert read(Listing(rows, size=1)) == rows


def test_equal_rows_without_id_are_kept_when_the_total_counts_both() -> None:
    rows = [{"id": None, "amount_due": 1}, {"id": None, "amount_due": 1}, invoice(1)]

    assert read(Listing(rows)) == rows


def test_equal_rows_without_id_are_one_when_the_total_says_so() -> None:
    rows = [{"id": None, "amount_due": 1}, {"id": None, "amount_due": 1}]

    assert read(lambda _: page(rows, more=False, total=1)) == rows[:1]


@pytest.mark.parametrize(
    ("result", "what"),
    [
        ({}, "`invoices`"),
        ({"invoices": None, "pagination": {"has_more": False}}, "`invoices`"),
        ({"invoices": [1], "pagination": {"has_more": False}}, "`invoices`"),
        ({"invoices": []}, "`pagination.has_more`"),
        ({"invoices": [], "pagination": None}, "`pagination.has_more`"),
        ({"invoices": [], "pagination": {"page": 1}}, "`pagination.has_more`"),
        ({"invoices": [], "pagination": {"has_more": "false"}}, "`pagination.has_more`"),
    ],
)
def test_a_page_of_another_shape_is_an_invalid_answer(result: Row, what: str) -> None:
    with pytest.raises(InvalidAnswerError, match=what) as caught:
        read(lambda _: result)

    assert not caught.value.retryable


def test_an_error_of_a_page_passes_through() -> None:
    def fetch(_: int) -> Row:
        raise ServerError("down")

    with pytest.raises(ServerError):
        read(fetch)


EVENTS = st.dictionaries(
    st.integers(1, 12), st.tuples(st.sampled_from(["new", "gone"]), st.integers(0, 30)), max_size=5
)


@given(st.integers(0, 30), st.integers(1, 10), EVENTS)
def test_whatever_happens_while_reading_a_read_is_right_or_an_error(
    count: int, size: int, events: dict[int, tuple[str, int]]
) -> None:
    """What comes back is the list as it stood at one moment: nothing lost over a seam, nothing twice."""
    moments: list[list[Row]] = [invoices(count)]
    fresh = iter(range(1000, 2000))

    def change(what: str, where: int) -> Callable[[list[Row]], None]:
        def act(rows: list[Row]) -> None:
            if what == "new":
                rows.insert(0, invoice(next(fresh)))
            elif rows:
                rows.pop(where % len(rows))
            moments.append(list(rows))

        return act

    listing = Listing(invoices(count), size, {when: change(*event) for when, event in events.items()})
    try:
        found = read(listing)
    except PagesInconsistentError:
        return
    assert found in moments
