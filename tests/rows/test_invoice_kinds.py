"""What lists of invoices by type prove about each invoice, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.rows import invoice_kinds

Item = dict[str, Any]


def item(number: int, **fields: Any) -> Item:
    return {"id": f"in_{number}", "created": number, "status": "paid", "currency": "usd", "amount_due": 1, **fields}


A, M, U = item(1), item(2), item(3)
NAMELESS = item(4, id=None, description="x")


def kinds(listed: list[Item], auto: list[Item], manual: list[Item]) -> list[str]:
    found = invoice_kinds.by_key(listed, invoice_kinds.told(listed, auto, manual))
    return [found[invoice_kinds.key(each)] for each in listed]


@pytest.mark.parametrize(
    ("listed", "auto", "manual", "expected"),
    [
        ([A, M, U], [A], [M], ["purchase_auto", "purchase_manual", "usage"]),
        ([U, M, A], [A], [M], ["usage", "purchase_manual", "purchase_auto"]),
        ([A, U], [A], [], ["purchase_auto", "usage"]),
        ([M, U], [], [M], ["purchase_manual", "usage"]),
        ([A], [A], [], ["purchase_auto"]),
        ([A, M], [M, item(9)], [A], ["purchase_manual", "purchase_auto"]),
        # `type` is ignored: three equal lists
        ([A, M, U], [A, M, U], [A, M, U], ["unknown"] * 3),
        ([A], [A], [A], ["unknown"]),
        # lists that contradict each other
        ([A, M, U], [A, M], [M], ["unknown"] * 3),
        # nothing of either type: perhaps all bill usage, perhaps these types are not those that purchases have
        ([A, M, U], [], [], ["unknown"] * 3),
        # an invoice whose own words contradict the lists
        ([A, item(5, invoice_origin="auto")], [A], [], ["purchase_auto", "unknown"]),
        ([A, item(5, invoice_origin="manual")], [A], [], ["purchase_auto", "unknown"]),
        ([A, item(5, invoice_origin="monthly")], [A], [], ["purchase_auto", "usage"]),
        ([A, NAMELESS], [A], [dict(NAMELESS)], ["purchase_auto", "purchase_manual"]),
        ([A, NAMELESS], [A], [NAMELESS | {"status": "void", "amount_paid": 1}], ["purchase_auto", "purchase_manual"]),
        ([], [], [], []),
        ([], [A], [], []),
    ],
)  # fmt: skip
def test_the_lists_that_hold_an_invoice_tell_its_kind(
    listed: list[Item], auto: list[Item], manual: list[Item], expected: list[str]
) -> None:
    assert kinds(listed, auto, manual) == expected


@pytest.mark.parametrize(
    ("later", "is_same"),
    [
        ([A, M, U], True),
        ([U, M, A], True),
        ([A | {"amount_paid": 5}, M, U], True),
        ([A, M], False),
        ([A, M, U, item(4)], False),
        ([A | {"status": "void"}, M, U], False),
        ([A | {"id": "in_other"}, M, U], False),
    ],
)
def test_kinds_hold_until_an_invoice_comes_goes_or_changes_its_status(later: list[Item], is_same: bool) -> None:
    told = invoice_kinds.told([A, M, U], [A], [M])

    assert invoice_kinds.is_of(later, told) is is_same
    assert not invoice_kinds.is_of(later, None)


lists = st.lists(st.integers(0, 6).map(item), max_size=7)


@given(lists, lists, lists, st.randoms())
def test_no_order_of_any_list_changes_a_kind(
    listed: list[Item], auto: list[Item], manual: list[Item], random: Any
) -> None:
    expected = dict(zip(map(invoice_kinds.key, listed), kinds(listed, auto, manual), strict=True))
    for each in (listed, auto, manual):
        random.shuffle(each)

    assert dict(zip(map(invoice_kinds.key, listed), kinds(listed, auto, manual), strict=True)) == expected
    assert set(expected.values()) <= set(invoice_kinds.KINDS)


def test_an_invoice_may_be_missing_from_lists_that_are_not_whole() -> None:
    told = invoice_kinds.told([A, M, U], [A], [M], is_whole=False)

    assert list(invoice_kinds.by_key([A, M, U], told).values()) == ["purchase_auto", "purchase_manual", "unknown"]
