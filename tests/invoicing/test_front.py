"""What is remembered of the newest invoices, and how far that reaches."""

from __future__ import annotations

from typing import Any

import pytest

from ai_gateway_billing.api.pages import Page
from ai_gateway_billing.invoicing import front
from ai_gateway_billing.invoicing.front import Front
from ai_gateway_billing.rows import invoice_kinds
from support.invoice_list import Item, invoice


def remembered(items: list[Item], count: int | None = None, kind: str = "usage") -> Front:
    """The front that a load leaves, as the next one finds it."""
    kinds = {invoice_kinds.key(item): kind for item in items}
    kept = Front({}, 0).moved_on(items, kinds).as_text()
    return front.from_text(kept, len(items) if count is None else count)


def page(items: list[Item], total: int, number: int = 1) -> Page:
    return Page(items, has_more=True, total=total, number=number)


ITEMS = [invoice(number) for number in range(300, 0, -1)]


def test_what_was_kept_is_known_with_its_kind_and_no_more_than_the_newest() -> None:
    known = remembered(ITEMS, kind="purchase_auto")

    assert [known.is_known(item) for item in ITEMS] == [True] * front.SIZE + [False] * (300 - front.SIZE)
    assert known.kind(ITEMS[0]) == "purchase_auto"


@pytest.mark.parametrize(
    "changed", [{"status": "void"}, {"amount_paid": 5}, {"description": "x"}, {"new_field": 1}, {"currency": None}]
)
def test_any_change_makes_an_invoice_unknown(changed: dict[str, Any]) -> None:
    assert not remembered(ITEMS[:1]).is_known(ITEMS[0] | changed)


def test_neither_the_order_of_fields_nor_a_link_changes_an_invoice() -> None:
    again = {**dict(reversed(ITEMS[0].items())), "invoice_pdf": "https://pay.example/1"}

    assert remembered(ITEMS[:1]).is_known(again)


@pytest.mark.parametrize("status", ["paid", "Void", "uncollectible"])
def test_a_page_of_known_and_final_invoices_is_enough(status: str) -> None:
    items = [item | {"status": status} for item in ITEMS]
    known, news = remembered(items), [invoice(400), *items]

    assert known.is_enough([page(items[:50], 300)])
    assert known.is_enough([page(news[:50], 301), page(news[50:100], 301, 2)])


@pytest.mark.parametrize("total", [299, 301, None, 0])
def test_nothing_is_enough_when_the_total_is_another(total: Any) -> None:
    assert not remembered(ITEMS).is_enough([page(ITEMS[:50], total)])


@pytest.mark.parametrize("status", ["open", "draft", None, "something new", 5])
def test_news_are_followed_past_pages_with_invoices_that_may_still_change(status: Any) -> None:
    items = [item | {"status": status} if place in (3, 60) else item for place, item in enumerate(ITEMS)]
    known = remembered(items)
    first, second, third = (page(([invoice(400), *items])[at : at + 50], 301) for at in (0, 50, 100))

    assert known.is_enough([page(items[:50], 300)]), "nothing is new"
    assert not known.is_enough([first])
    assert not known.is_enough([first, second])
    assert known.is_enough([first, second, third])


def test_news_are_followed_to_a_page_without_any() -> None:
    known = remembered(ITEMS)
    items = [invoice(400), *ITEMS]

    assert not known.is_enough([page(items[:50], 301)])
    assert known.is_enough([page(items[:50], 301), page(items[50:100], 301, 2)])


def test_an_invoice_without_id_is_never_enough() -> None:
    items = [ITEMS[0] | {"id": None}, *ITEMS[1:50]]

    assert not remembered(items).is_enough([page(items, 50)])


def test_what_comes_takes_its_place_before_what_was_known() -> None:
    known = remembered(ITEMS[1:3]).moved_on(
        [invoice(999), ITEMS[1]], dict.fromkeys(map(invoice_kinds.key, [invoice(999), ITEMS[1]]), "usage")
    )

    assert list(known.invoices) == [front.mark(item) for item in (invoice(999), ITEMS[1], ITEMS[2])]
