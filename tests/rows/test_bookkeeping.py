"""The rows about the loads themselves, from what was there before and what happened now."""

from __future__ import annotations

from typing import Any

import pytest

from ai_gateway_billing.errors import RecordError, ServerError
from ai_gateway_billing.outcome import Outcomes, Part, Rejected
from ai_gateway_billing.rows import bookkeeping
from support.constants import ACCOUNT, DAY, NOW, OTHER

BEFORE = NOW - DAY
BROKEN = ServerError("HTTP 500.")


def status(account_id: str, resource: str, **changes: Any) -> tuple[Any, ...]:
    """A row of the table, in the order of its columns."""
    row = {"account_id": account_id, "resource": resource, "status": "ok", "error": None, "skipped": None}
    times = dict.fromkeys(("last_attempt_at", "last_success_at", "last_listed_at"), BEFORE)
    return tuple((row | times | changes).values())


def statuses(outcomes: Outcomes, listed: list[str], *before: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in bookkeeping.load_status(outcomes, listed, before, NOW)]


def test_columns_are_in_the_order_that_rows_are_given_in() -> None:
    row = bookkeeping.load_status(took((ACCOUNT, "invoices", Part())), [], [], NOW)[0]

    assert list(row) == list(bookkeeping.COLUMNS["load_status"])


def took(*parts: tuple[str, str, Part]) -> Outcomes:
    outcomes = Outcomes()
    for part in parts:
        outcomes.take(*part)
    return outcomes


def test_a_failure_leaves_the_time_of_the_last_success() -> None:
    outcomes = took((ACCOUNT, "invoices", Part(error=BROKEN)), (ACCOUNT, "gateways", Part(skipped="there is none")))

    assert statuses(outcomes, [], status(ACCOUNT, "invoices")) == [
        status(ACCOUNT, "invoices", status="failed", error="HTTP 500.", last_attempt_at=NOW),
        status(
            *(ACCOUNT, "gateways"), status="skipped", skipped="there is none",
            last_attempt_at=NOW, last_success_at=NOW, last_listed_at=None,
        ),
    ]  # fmt: skip


def test_what_was_not_read_is_only_said_to_be_listed() -> None:
    before = [status(ACCOUNT, "invoices", status="failed", error="x"), status(OTHER, "invoices")]

    assert statuses(took(), [ACCOUNT], *before) == [
        status(ACCOUNT, "invoices", status="failed", error="x", last_listed_at=NOW)
    ]


def test_who_is_read_and_not_listed_was_listed_when_it_was_before() -> None:
    assert statuses(took((ACCOUNT, "invoices", Part())), [OTHER], status(ACCOUNT, "invoices")) == [
        status(ACCOUNT, "invoices", last_attempt_at=NOW, last_success_at=NOW)
    ]


def refused(payload: str = "{}", resource: str = "invoices", account_id: str = ACCOUNT) -> Outcomes:
    rejected = Rejected(RecordError(resource, "amount_due", "is missing"), payload)
    return took((account_id, resource.partition("__")[0], Part(rejected=[rejected])))


def quarantined(payload: str = "{}", resource: str = "invoices", account_id: str = ACCOUNT) -> tuple[Any, ...]:
    return (account_id, resource, "amount_due", "is missing", payload, BEFORE, BEFORE)


def test_an_item_that_is_refused_again_is_known_since_it_first_was() -> None:
    (again,) = bookkeeping.quarantine(refused(), [quarantined()], NOW)
    (new,) = bookkeeping.quarantine(refused(), [], NOW)

    assert (again["first_seen_at"], again["last_seen_at"]) == (BEFORE, NOW)
    assert (new["first_seen_at"], new["last_seen_at"]) == (NOW, NOW)
    assert "withdrawn" not in {**again, **new}


@pytest.mark.parametrize(
    ("outcomes", "is_out"),
    [
        (took((ACCOUNT, "invoice_preview", Part())), True),
        (took((ACCOUNT, "invoice_preview", Part(error=BROKEN))), False),
        (took((OTHER, "invoice_preview", Part())), False),
        (took((ACCOUNT, "invoices", Part())), False),
        (took(), False),
    ],
    ids=["read well", "failed", "of another account", "another resource", "not read"],
)
def test_an_item_goes_when_its_resource_was_read_without_a_fault(outcomes: Outcomes, is_out: bool) -> None:
    before = [quarantined(resource="invoice_preview__invoice_lines")]

    rows = bookkeeping.quarantine(outcomes, before, NOW)

    assert [row["withdrawn"] for row in rows] == [True] * is_out


def test_an_item_that_is_refused_twice_is_one_row() -> None:
    rejected = [Rejected(RecordError("invoices", "amount_due", "is missing"), "{}")] * 2

    assert len(bookkeeping.quarantine(took((ACCOUNT, "invoices", Part(rejected=rejected))), [], NOW)) == 1


def test_long_payloads_are_cut_and_still_told_apart() -> None:
    whole, long, other = "x" * 10_000, "x" * 10_001, "x" * 10_000 + "y"

    kept = [bookkeeping.quarantine(refused(each), [], NOW)[0]["payload"] for each in (whole, long, other)]

    assert kept[0] == whole
    assert [each[:10_001] for each in kept[1:]] == [whole + "…"] * 2
    assert "10001 characters in all" in kept[1]
    assert len(set(kept)) == 3
    assert bookkeeping.quarantine(refused(long), [quarantined(kept[1])], NOW)[0]["first_seen_at"] == BEFORE


def test_a_field_is_new_once() -> None:
    found = {("invoices", "tax"): "text", ("gateways", "tax"): "bool"}

    rows = bookkeeping.unknown_fields(found, [("invoices", "tax", "decimal", BEFORE)], NOW)

    assert rows == [{"table_name": "gateways", "field": "tax", "data_type": "bool", "first_seen_at": NOW}]
