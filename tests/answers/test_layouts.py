"""How each answer reads: its columns, and the remarks beside what is open, not whole or not known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing_pipeline.answers.columns import Layout
from ai_gateway_billing_pipeline.answers.layouts import layout
from ai_gateway_billing_pipeline.answers.questions import Answer
from ai_gateway_billing_pipeline.database.scope import Account, Asked, Row, Scope
from support.constants import ACCOUNT, NOW

ONE = Decimal(1)
DAY: Row = {"day": date(2026, 11, 21), "amount": ONE, "hours_known": 24, "state": "final"}
MONTH: Row = {
    "month": date(2026, 11, 1), "amount": ONE, "days_known": 22, "days_elapsed": 22, "state": "open", "forecast": None,
}  # fmt: skip
MODEL: Row = {
    "month": date(2026, 11, 1), "model": "gpt-5", "gross": ONE, "credits": Decimal(0), "net": ONE, "state": "final",
}  # fmt: skip
GATEWAY: Row = {
    "gateway": "shop", "amount": ONE, "requests": 7, "estimate_usd": ONE, "own_keys_estimate_usd": None,
    "state": "final",
}  # fmt: skip
INVOICE: Row = {
    "created_at": datetime(2026, 11, 2, 23, 59, tzinfo=UTC), "kind": "purchase_auto", "status": "paid",
    "amount_due": ONE, "billed": ONE, "amount_remaining": Decimal(0), "age_days": 20, "state": "final",
    "is_listed": True,
}  # fmt: skip
ROWS: dict[str, Row] = {
    "daily": DAY, "monthly": MONTH, "models": MODEL, "gateways": GATEWAY, "invoices": INVOICE,
}  # fmt: skip


def shown(name: str, *changed: dict[str, Any], found: int | None = None) -> Layout:
    """The answer of rows like the one above, each with what is changed in it."""
    account = Account(ACCOUNT, "Acme", None, "USD", NOW, is_gone=False)
    rows = [{"account_id": ACCOUNT, "currency": "USD", **ROWS[name], **change} for change in changed]
    return layout(Answer(name, Scope((account,), Asked()), [*rows[0]], rows, [], found or len(rows)))


def cells(table: Layout, name: str) -> list[str]:
    (column,) = [column for column in table.columns if column.name == name]
    return list(column.cells)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("daily", ["day", "spend"]),
        ("monthly", ["month", "spend"]),
        ("models", ["month", "model", "gross", "credits", "net"]),
        (
            "gateways",
            ["gateway", "share of the bill", "requests", "estimate USD", "own keys USD"],
        ),
        ("invoices", ["created", "kind", "status", "due", "charged", "days old"]),
    ],
)
def test_a_table_names_its_columns(name: str, head: list[str]) -> None:
    table = shown(name, {})

    assert [column.name for column in table.columns if column.name] == head
    assert table.title.endswith(" of Acme, UTC, as of 2026-11-22 10:30")


def test_a_day_that_still_runs_or_was_not_read_whole_says_so() -> None:
    states = ({}, {"state": "open"}, {"state": "incomplete", "hours_known": 12}, {"state": "complete"})

    table = shown("daily", *states)

    assert cells(table, "day")[0] == "2026-11-21 Sat"
    assert list(table.columns[-1].cells) == ["", "so far", "incomplete: 12 of 24 hours", ""]


@pytest.mark.parametrize(
    ("changed", "remark"),
    [
        ({}, "so far"),
        ({"forecast": Decimal("1234.5")}, "so far; forecast 1,234.50"),
        ({"days_known": 21}, "so far; 21 of 22 days known"),
        ({"days_known": 21, "forecast": Decimal(2)}, "so far; 21 of 22 days known; forecast 2.00"),
        ({"state": "final"}, ""),
        ({"state": "incomplete", "days_known": 21}, "21 of 22 days known"),
        ({"state": "unknown", "days_known": None, "amount": None}, ""),
    ],
)
def test_a_month_says_how_much_of_it_is_known_and_what_it_will_be(changed: dict[str, Any], remark: str) -> None:
    assert list(shown("monthly", changed).columns[-1].cells) == [remark]


def test_a_month_without_a_preview_is_named_once() -> None:
    unknown = {"model": None, "gross": None, "credits": None, "net": None, "state": "unknown"}

    table = shown("models", {}, unknown, unknown)

    assert table.notes == ["No invoice preview of 2026-11 was read, so its models are unknown."]
    assert cells(table, "model") == ["gpt-5", "unknown", "unknown"]
    assert shown("models", {}).notes == []


@pytest.mark.parametrize(("requests", "notes"), [(7, 1), (0, 2), (None, 2)])
def test_gateways_are_told_to_be_an_estimate_and_how_to_get_one(requests: int | None, notes: int) -> None:
    found = shown("gateways", {"requests": requests}).notes

    assert len(found) == notes
    assert "estimate" in found[0]
    assert all("aig-billing load --with attribution" in note for note in found[1:])


@pytest.mark.parametrize(
    ("changed", "remark"),
    [
        ({}, ""),
        ({"state": "open", "amount_remaining": Decimal("10.5")}, "open: 10.50 to pay"),
        ({"is_listed": False}, "no longer listed"),
    ],
)
def test_an_invoice_says_what_is_left_to_pay(changed: dict[str, Any], remark: str) -> None:
    assert list(shown("invoices", changed).columns[-1].cells) == [remark]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("purchase_auto", "auto top-up"), ("purchase_manual", "manual top-up"), ("usage", "usage"),
        ("something new", "unknown"), (None, "unknown"),
    ],
)  # fmt: skip
def test_an_invoice_is_of_a_kind_in_plain_words(kind: str | None, words: str) -> None:
    assert cells(shown("invoices", {"kind": kind}), "kind") == [words]


def test_invoices_that_are_not_shown_are_counted() -> None:
    assert shown("invoices", {}, found=1234).notes == ["The newest 1 of 1,234 invoices; --last 1234 shows all."]
    assert shown("invoices", {}).notes == []
