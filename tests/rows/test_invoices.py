"""Which invoices are the same, load after load: with an id, without one, and when an id comes or goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.rows import invoices
from ai_gateway_billing.rows.records import Reading, Row
from support.bench import Bench, Fields
from support.constants import ACCOUNT, HOUR, NOW, OTHER
from support.samples import invoice


def read(*items: Fields) -> tuple[list[Row], list[invoices.Refused], Reading]:
    reading = Reading(ACCOUNT, NOW)
    return *invoices.read(items, reading), reading


def as_stored(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in invoices.STORED) for row in rows]


# --- one list ---------------------------------------------------------------------------------------------------------


def test_an_id_that_stands_twice_with_equal_contents_is_one_invoice() -> None:
    rows, refused, _ = read(invoice("in_1"), invoice("in_1"), invoice("in_2"))

    assert [row["id"] for row in rows] == ["in_1", "in_2"]
    assert refused == []


@pytest.mark.parametrize(
    "change", [{"amount_due": 1051}, {"amount_paid": 1}, {"status": "paid"}, {"currency": "eur"}, {"tax": 1}]
)
def test_an_id_that_stands_twice_with_different_contents_is_refused_each_time(change: Fields) -> None:
    rows, refused, _ = read(invoice("in_1"), invoice("in_2"), invoice("in_1", **change))

    assert [row["id"] for row in rows] == ["in_2"]
    assert [each.item["id"] for each in refused] == ["in_1", "in_1"]
    assert "twice" in refused[0].error.reason


def test_invoices_without_id_that_are_alike_are_told_and_none_is_lost() -> None:
    rows, refused, reading = read(invoice(None), invoice("", status="paid"), invoice(None, description="other"))

    assert len(rows) == 3
    assert refused == []
    (told,) = reading.told
    assert (told.error.field, told.sent["description"]) == ("id", "credits")
    assert len({row["id"] for row in invoices.joined(rows, [])[0]}) == 3


def test_alike_invoices_without_id_are_numbered_from_the_second_on() -> None:
    """As versions before this one stored them: with other numbers they would be other invoices."""
    rows, _, _ = read(*(invoice(None, status=status) for status in ("paid", "open", "void")))
    (name,) = {row["id"] for row in rows}

    assert [row["id"] for row in invoices.joined(rows, [])[0]] == [name, f"{name}_2", f"{name}_3"]


@pytest.mark.parametrize("field", ["created", "description"])
def test_an_invoice_without_id_is_refused_when_what_tells_it_apart_is_unreadable(field: str) -> None:
    rows, refused, reading = read(invoice(None, **{field: [1]}), invoice("in_1", **{field: [1]}))

    assert [row["id"] for row in rows] == ["in_1"]
    assert refused[0].error.field == "id"
    assert field in refused[0].error.reason
    assert [told.error.field for told in reading.told] == [field]


@pytest.mark.parametrize("created", ["1790000000", "2026-09-21T14:13:20Z"])
def test_a_time_in_text_identifies_an_invoice_as_the_number_does(created: str) -> None:
    (as_text,), _, reading = read(invoice(None, created=created))
    (as_number,), *_ = read(invoice(None))

    assert as_text == as_number
    assert reading.told


# --- list after list --------------------------------------------------------------------------------------------------

sorts = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=7)


@given(sorts, sorts)
def test_no_invoice_is_lost_doubled_or_taken_for_one_that_differs(
    before: list[tuple[str, int]], after: list[tuple[str, int]]
) -> None:
    """Two lists of invoices, some alike, 0 standing for no id: what is stored afterwards is checked by counting."""

    def listed(found: list[tuple[str, int]]) -> list[Row]:
        # One id names one invoice, so it says of which sort it is.
        return read(*(invoice(f"in_{sort}{n}" if n else None, description=sort) for sort, n in found))[0]

    stored, _ = invoices.joined(listed(before), [])
    rows, gone = invoices.joined(listed(after), as_stored(stored))
    table = {row["id"]: row for row in stored if row["id"] not in gone} | {row["id"]: row for row in rows}

    assert len({row["id"] for row in rows}) == len(listed(after)), "each listed invoice has a row of its own"
    assert {n for n in gone if not n.startswith("surrogate")} == set(), "an id that the API gave is never taken away"
    assert {f"in_{sort}{n}" for sort, n in (*before, *after) if n} <= table.keys()
    for sort in "ab":
        old, new = ([each for each in found if each[0] == sort] for found in (before, after))
        nameless_old, nameless_new = (sum(not n for _, n in found) for found in (old, new))
        fresh = {n for _, n in new if n} - {n for _, n in old if n}
        unlisted = {n for _, n in old if n} - {n for _, n in new if n}
        held = sum(row["description"] == sort for row in table.values())
        names = {n for _, n in (*old, *new) if n}
        # Nameless ones are first those that were nameless, then those whose id is no longer listed, then new ones;
        # and each new name takes the place of a nameless one that is left.
        remaining = max(nameless_old - nameless_new, 0)
        extra = max(nameless_new - nameless_old - len(unlisted), 0)
        assert held == len(names) + nameless_old + extra - min(len(fresh), remaining)


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_an_id_that_comes_and_goes_is_one_invoice_all_along(has_id: list[bool]) -> None:
    table: dict[str, Row] = {}
    for each in has_id:
        rows, gone = invoices.joined(read(invoice("in_1" if each else None))[0], as_stored(list(table.values())))
        table = {key: row for key, row in table.items() if key not in gone} | {row["id"]: row for row in rows}
        assert len(table) == 1
    assert (list(table) == ["in_1"]) is any(has_id)


# --- through whole loads ----------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Any) -> Iterator[Bench]:
    bench = Bench(tmp_path, start="2026-11-22").with_tables()
    bench.account()
    bench.account(OTHER)
    yield bench
    bench.close()


def answer(bench: Bench, *listed: Fields, account_id: str = ACCOUNT) -> None:
    bench.world.clear_injections()
    bench.world.inject("invoice-history", "invoices", lambda _: list(listed), account_id)
    bench.world.inject("invoice-history", "pagination.total_count", len(listed), account_id)


def load(bench: Bench, *listed: Fields, exit_code: int = 0) -> Counter[str]:
    """The ids that are stored once this list was loaded."""
    answer(bench, *listed)
    bench.now += HOUR
    assert bench.load(only=("invoices",)).exit_code == exit_code
    found = bench.rows("select id from {raw}.invoices where account_id = $1", ACCOUNT)
    return Counter(invoice_id for (invoice_id,) in found)


def test_an_invoice_that_gets_its_id_later_or_loses_it_again_stands_once(bench: Bench) -> None:
    draft, final = invoice(None, status="draft"), invoice("in_1", status="paid", amount_paid=1050, amount_remaining=0)

    (surrogate,) = load(bench, draft)
    assert surrogate.startswith("surrogate_")
    assert load(bench, final) == {"in_1": 1}
    assert load(bench, final | {"id": None}) == {"in_1": 1}
    assert bench.rows("select status, has_surrogate_id, withdrawn from {raw}.invoices") == [("paid", False, None)]
    assert load(bench, final) == {"in_1": 1}
    assert bench.one("select sum(amount_due) from {raw}.invoices") == Decimal(1050)
    assert bench.one("select count(*) from spend.invoices") == 1


def test_an_id_joins_nothing_that_differs_in_one_of_the_four(bench: Bench) -> None:
    drafts = [
        invoice(None, **change)
        for change in ({"created": 1}, {"currency": "eur"}, {"description": None}, {"amount_due": 1})
    ]
    drafts[0]["created"] = 1_790_000_001

    assert len(load(bench, *drafts)) == 4
    assert len(load(bench, *drafts, invoice("in_1"))) == 5


def test_alike_invoices_without_id_stay_two_through_all_loads(bench: Bench) -> None:
    first = load(bench, invoice(None, status="open"), invoice(None, status="paid"))

    assert len(first) == 2
    assert load(bench, invoice(None, status="paid"), invoice(None, status="paid")) == first
    assert len(load(bench, invoice("in_1"), invoice(None))) == 2
    assert load(bench, invoice("in_1"), invoice("in_2")) == {"in_1": 1, "in_2": 1}
    assert bench.one("select count(*) from {raw}.invoices where account_id = $1", OTHER) == 0


def test_an_id_twice_with_different_amounts_is_told_and_what_was_known_stays(bench: Bench) -> None:
    load(bench, invoice("in_1"), invoice("in_2"))

    assert load(bench, invoice("in_1", amount_due=7), invoice("in_1", amount_due=8), exit_code=4) == {
        "in_1": 1,
        "in_2": 1,
    }

    assert bench.one("select amount_due from {raw}.invoices where id = 'in_1'") == 1050
    found = bench.rows("select field, count(*) from {raw}.quarantine group by 1")
    assert found == [("id", 2)]


@pytest.mark.thorough
def test_an_id_twice_is_told_also_where_the_api_announces_no_total(bench: Bench) -> None:
    answer(bench, invoice("in_1"), invoice("in_1", amount_due=8))
    bench.world.inject("invoice-history", "pagination.total_count", None, ACCOUNT)

    assert bench.load(only=("invoices",)).exit_code == 4
    assert bench.one("select count(*) from {raw}.quarantine") == 2
