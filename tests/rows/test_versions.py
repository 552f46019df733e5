"""What ends a version, how many rows a snapshot makes, and which hints its unknown fields get."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.rows import versions
from ai_gateway_billing.rows.tables import TABLES
from support.constants import ACCOUNT, NOW

SNAPSHOTS = ["invoice_preview", "credit_balance", "topup_config", "spending_limit"]
LINES = "invoice_preview__invoice_lines"
CREDITS = f"{LINES}__pretax_credit_amounts"


def preview(lines: int, credits_each: int) -> dict[str, Any]:
    return {"invoice_lines": [{"pretax_credit_amounts": [{"amount": 1}] * credits_each} for _ in range(lines)]}


@pytest.mark.parametrize("resource", SNAPSHOTS)
def test_a_marker_fills_all_that_must_not_be_null_in_every_table(resource: str) -> None:
    marker = versions.withdrawn(ACCOUNT, resource, NOW)

    assert (marker["account_id"], marker["withdrawn"]) == (ACCOUNT, True)
    assert versions.reaches_every_table(resource, marker)
    for name, hint in TABLES[resource].items():
        outer, _, inner = name.partition("__")
        assert hint["nullable"] or (marker[outer][inner] if inner else marker[outer]) is not None, name


@pytest.mark.parametrize(
    ("snapshot", "counts", "reaches"),
    [
        (preview(0, 0), {"invoice_preview": 1}, False),
        (preview(2, 0), {"invoice_preview": 1, LINES: 2}, False),
        (preview(2, 3), {"invoice_preview": 1, LINES: 2, CREDITS: 6}, True),
    ],
)
def test_rows_are_counted_by_table(snapshot: dict[str, Any], counts: dict[str, int], reaches: bool) -> None:
    assert versions.row_counts("invoice_preview", snapshot) == counts
    assert versions.reaches_every_table("invoice_preview", snapshot) is reaches


def test_rows_go_in_lists_and_what_has_hints_of_its_own_alone() -> None:
    hinted = ("with", "hints")
    rows: list[Any] = [{"n": n} for n in range(5)]

    found = list(versions.batches([*rows[:3], hinted, *rows[3:]], size=2))

    assert [item for each in found for item in (each if isinstance(each, list) else [])] == rows
    assert found.count(hinted) == 1
    assert max(len(each) for each in found if isinstance(each, list)) == 2


def test_a_row_of_declared_fields_is_left_as_it_is() -> None:
    row = {"account_id": ACCOUNT, "amount": Decimal(1)}

    assert versions.hinted("topup_config", row, {}) == (row, {})


def test_unknown_fields_are_told_by_table_and_keep_their_first_type() -> None:
    seen: dict[str, str] = {}
    first = {"account_id": ACCOUNT, "tier": "gold", "invoice_lines": [{"cached": True}]}
    second = {"account_id": ACCOUNT, "tier": Decimal(1), "invoice_lines": []}

    _, told = versions.hinted("invoice_preview", first, seen)
    _, told_again = versions.hinted("invoice_preview", second, seen)

    assert told == {"invoice_preview": {"tier": "text"}, LINES: {"cached": "bool"}}
    assert told_again == {"invoice_preview": {"tier__v_decimal": "decimal"}}
    assert second["tier"] == {"v_decimal": Decimal(1)}
    assert seen == {"tier": "text", f"{LINES}.cached": "bool"}
