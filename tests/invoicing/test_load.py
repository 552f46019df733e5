"""Whatever a load leaves unread, the table says what a load of everything would have said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.errors import PagesInconsistentError
from ai_gateway_billing.invoicing import front
from ai_gateway_billing.invoicing.load import InvoiceLoad
from ai_gateway_billing.invoicing.reading import InvoiceReader
from ai_gateway_billing.rows.stored import Listed
from support.constants import ACCOUNT, DAY, HOUR, NOW
from support.invoice_list import Book, Item, Table, invoice

FULL = timedelta(hours=24)
FIRST = [("all", 1)]


def filled(count: int, size: int = 50, statuses: dict[int, str] | None = None) -> Table:
    """A table after its first load, one type in turn; the newest invoice stands at place 0."""
    book = Book(size)
    for number in range(count):
        place = count - 1 - number
        book.add(invoice(number, (statuses or {}).get(place, "paid")), ("auto", "manual", "usage")[number % 3])
    table = Table(book)
    table.load()
    table.now += HOUR
    return table


def contents(rows: list[Item]) -> dict[str, tuple[Any, ...]]:
    return {row["id"]: (row["status"], row["amount_due"], row["amount_paid"]) for row in rows}


def kinds(book: Book) -> dict[str, str]:
    """What the lists prove."""
    names = {"auto": "purchase_auto", "manual": "purchase_manual", "usage": "usage"}
    found = {item["id"]: names[book.types[item["id"]]] for item in book.items}
    return found if {*found.values()} - {"usage"} else dict.fromkeys(found, "unknown")


def assert_equal(table: Table) -> None:
    """What is listed, what it says, and what it is for."""
    assert contents(table.listed()) == contents(table.book.items)
    assert {row["id"]: row["kind"] for row in table.listed()} == kinds(table.book)


# --- how far is read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 50, 60, 1_000])
def test_when_nothing_is_new_one_page_is_read_and_nothing_written(count: int) -> None:
    table = filled(count)
    before = dict(table.rows)

    part, asked = table.load()

    assert asked == FIRST
    assert part.content is None
    assert table.rows == before
    assert_equal(table)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_open_invoices_cost_nothing_while_nothing_is_new(size: int) -> None:
    table = filled(200, size, dict.fromkeys(range(0, 200, 3), "open"))

    assert table.load()[1] == FIRST


def test_a_new_invoice_is_read_with_its_kind_and_the_page_that_ends_the_news() -> None:
    table = filled(1_000)
    table.book.add(invoice(99_999, "open"), "auto")

    part, asked = table.load()

    assert asked == [("all", 1), ("all", 2), ("auto", 1), ("manual", 1)]
    assert part.content.num_rows == 1
    assert_equal(table)
    assert table.load()[1] == FIRST


@pytest.mark.parametrize(("status", "changed"), [("draft", "open"), ("open", "paid"), ("paid", "void")])
def test_a_status_that_changes_is_seen_at_once_as_far_as_is_read(status: str, changed: str) -> None:
    table = filled(300, statuses={5: status, 70: "open"})
    table.book.change(5, status=changed)
    table.book.change(70, status="paid")
    table.load()

    assert_equal(table)


def test_an_open_invoice_far_back_is_seen_by_the_whole_list_of_the_next_day() -> None:
    table = filled(300, statuses={250: "open"})
    table.book.change(250, status="paid")
    assert table.load()[1] == FIRST
    assert table.rows["in_49"]["status"] == "open"

    table.now += FULL - 2 * HOUR
    assert table.load()[1] == FIRST

    table.now += HOUR
    _, asked = table.load()

    assert asked == [*(("all", page) for page in (1, 2, 3, 4, 5, 6)), ("all", 1), ("auto", 1), ("auto", 2), ("auto", 1),
                     ("manual", 1), ("manual", 2), ("manual", 1)]  # fmt: skip
    assert_equal(table)


def test_an_invoice_that_appears_further_back_is_read_as_far_as_it_is() -> None:
    table = filled(300)
    table.book.items.insert(80, invoice(777))
    table.book.types["in_777"] = "usage"
    _, asked = table.load()

    assert [number for kind, number in asked if kind == "all"] == [1, 2, 3]
    assert_equal(table)


# --- when everything is read -----------------------------------------------------------------------------------------


def _forget(table: Table) -> None:
    table.state = {"accounts_without_ids": [], "kinds": {}, "newest": {}}


def _lose_a_row(table: Table) -> None:
    del table.rows["in_7"]


def _lose_all(table: Table) -> None:
    table.rows.clear()


def _sensitive(table: Table) -> None:
    table.columns = table.columns | {"invoice_pdf": {"data_type": "text", "nullable": True}}


def _no_total(table: Table) -> None:
    table.book.announces = False


def _clock_was_ahead(table: Table) -> None:
    table.now -= 2 * DAY


@pytest.mark.parametrize(
    "happens",
    [
        _forget,
        _lose_a_row,
        _lose_all,
        _sensitive,
        _no_total,
        _clock_was_ahead,
        lambda table: table.book.delete(99),
        lambda table: table.book.delete(0),
        lambda table: table.book.add(invoice(999, id=None), "usage"),
    ],
)
def test_everything_is_read_when_something_does_not_fit(happens: Callable[[Table], None]) -> None:
    table = filled(120)
    happens(table)

    _, asked = table.load()

    assert [each for each in asked if each[0] == "all"][-4:] == [("all", 1), ("all", 2), ("all", 3), ("all", 1)]
    assert contents([row for row in table.listed() if not row["has_surrogate_id"]]) == contents(
        [item for item in table.book.items if item["id"]]
    )


def test_everything_is_read_when_asked_for() -> None:
    table = filled(120)

    assert len(table.load(anew=True)[1]) == 4


def test_everything_is_read_where_a_row_cannot_mark_what_is_gone() -> None:
    table = filled(60)
    table.marks = False

    part, _ = table.load()

    assert part.rows == {"invoices": 60}


@pytest.mark.parametrize("spoiled", [{"amount_due": None}, {"attempt_count": "many"}, {"id": "in_57"}])
def test_a_row_that_is_not_as_documented_is_told_by_every_load_until_it_is(spoiled: Item) -> None:
    table = filled(120)
    table.book.change(60, **spoiled)
    table.now += FULL
    told = [len(part.rejected) + len(part.told) for part, _ in (table.load(), table.load(), table.load())]

    assert told[0] > 0
    assert len({*told}) == 1

    table.book.items[60] = invoice(59)
    table.load()
    assert table.load()[1] == FIRST
    assert_equal(table)


def test_an_invoice_without_id_makes_the_list_be_read_as_a_whole() -> None:
    table = filled(60)
    table.book.add(invoice(999, id=None), "usage")
    table.load()

    assert len(table.load()[1]) == 3


def test_a_new_field_of_a_link_is_no_change() -> None:
    """Links are made anew for each answer."""
    table = filled(60)
    for place in range(60):
        table.book.change(place, invoice_pdf=f"https://pay.example/{place}")

    assert table.load()[1] == FIRST


def test_another_unknown_field_is_a_change() -> None:
    table = filled(60)
    table.book.change(3, channel="card")
    part, _ = table.load()

    assert [row["channel"] for row in part.content.to_pylist()] == ["card"]


def test_kinds_that_are_told_otherwise_than_before_are_all_told_anew() -> None:
    """As when `type` begins to work, or to be ignored."""
    table = filled(120)
    table.book.types = dict.fromkeys(table.book.types, "auto")
    table.book.add(invoice(999), "auto")
    table.load()

    assert_equal(table)


# --- random worlds ---------------------------------------------------------------------------------------------------

STATUSES = st.sampled_from(["draft", "open", "paid", "void", "uncollectible"])
TYPES = st.sampled_from(["auto", "manual", "usage"])
PLACES = st.integers(0, 40)
EVENT = st.one_of(
    st.tuples(st.just("new"), STATUSES, TYPES),
    st.tuples(st.just("status"), PLACES, STATUSES),
    st.tuples(st.just("gone"), PLACES, st.none()),
)
STEPS = st.lists(st.tuples(st.lists(EVENT, max_size=4), st.sampled_from([1, 1, 1, 6, 24])), min_size=1, max_size=6)


class World:
    """A book that events happen to."""

    def __init__(self, count: int, size: int) -> None:
        self.book = Book(size)
        self.made = 0
        for number in range(count):
            self.happen("new", "paid" if number % 4 else "open", ("auto", "manual", "usage")[number % 3])

    def happen(self, what: str, first: Any, second: Any) -> None:
        if what == "new":
            self.made += 1
            self.book.add(invoice(self.made, first), second)
        elif self.book.items and what == "status":
            self.book.change(first % len(self.book.items), status=second)
        elif len(self.book.items) > 1:  # an empty list tells nothing of those that it held
            self.book.delete(first % len(self.book.items))


@given(st.integers(0, 30), st.integers(1, 7), STEPS)
def test_the_table_is_what_a_whole_read_gives(count: int, size: int, steps: list[Any]) -> None:
    """Which invoices there are, and their kinds, after every load; what they say, as far as is read, and once a day."""
    world = World(count, size)
    table = Table(world.book)
    with patch.object(front, "SIZE", 3 * size):
        table.load()
        assert_equal(table)
        for events, hours in steps:
            for event in events:
                world.happen(*event)
            table.now += hours * HOUR
            _, asked = table.load()

            found, truth = contents(table.listed()), contents(world.book.items)
            read = world.book.items[: size * max(page for kind, page in asked if kind == "all")]
            assert found.keys() == truth.keys()
            assert {item["id"]: found[item["id"]] for item in read} == contents(read)
            assert {row["id"]: row["kind"] for row in table.listed()} == kinds(world.book)
            if hours == 24:
                assert found == truth
        table.now += FULL
        table.load()
    assert_equal(table)


@given(st.integers(0, 30), st.integers(1, 7), STEPS, st.dictionaries(st.integers(1, 8), EVENT, max_size=3))
def test_what_happens_while_pages_are_read_loses_nothing(
    count: int, size: int, steps: list[Any], meanwhile: dict[int, Any]
) -> None:
    """The invoices that count as listed are those of one moment, or the load says that it failed."""
    world = World(count, size)
    table = Table(world.book)
    table.load()
    for events, hours in steps:
        for event in events:
            world.happen(*event)
        moments = [{item["id"] for item in world.book.items}]

        def act(event: Any, moments: list[set[str]] = moments) -> Callable[[], None]:
            return lambda: (world.happen(*event), moments.append({item["id"] for item in world.book.items}))[0]

        world.book.before = {number: act(event) for number, event in meanwhile.items()}
        table.now += hours * HOUR
        try:
            table.load()
        except PagesInconsistentError:
            continue
        finally:
            world.book.before = {}
        assert {row["id"] for row in table.listed()} in moments
    table.now += FULL
    table.load()
    assert_equal(table)


def test_what_is_kept_of_an_account_stays_small() -> None:
    table = filled(1_000)

    assert len(table.state["newest"][ACCOUNT]["newest"]) < 3_000


# --- many accounts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "at_once"), [(100, 100), (101, 100), (2_400, 100), (4_800, 200)])
def test_whole_lists_of_many_accounts_are_read_over_the_loads_of_a_day(count: int, at_once: int) -> None:
    """A day after all were read at once, an hour after the load before: one whose front does not fit is on top."""
    table = filled(1)
    newest = table.state["newest"][ACCOUNT]
    ids = [f"{number:032x}" for number in range(count)]
    state: Any = {"accounts_without_ids": [], "kinds": {}, "newest": dict.fromkeys(ids[1:], newest)}
    listed = dict.fromkeys(ids, Listed(NOW - FULL, 1))
    load = InvoiceLoad(table.columns, state, listed, lambda _: [], {}, marks=True, elapsed=HOUR)

    jobs = load.jobs(InvoiceReader(table.book), ids, NOW, anew=False)  # type: ignore[arg-type]

    whole = [account_id for account_id, (job,) in jobs.items() if job.args[2] is None]
    assert len({*whole} - {ids[0]}) in (at_once, at_once - 1)
    assert ids[0] in whole
