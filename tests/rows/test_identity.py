"""Which snapshots are one version: what may differ between two answers that say the same, and what may not."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.rows import identity, records
from ai_gateway_billing.rows.identity import identified
from ai_gateway_billing.rows.records import Reading
from support.bench import Bench
from support.constants import ACCOUNT, HOUR, NOW, OTHER

Change = Callable[[dict[str, Any]], object]
CREDIT = {"amount": 100, "type": "credit_balance_transaction", "credit_balance_transaction": "cbtxn_1"}
LINES = "invoice_preview__invoice_lines"
CREDITS = f"{LINES}__pretax_credit_amounts"


def line(model: str, amount: int, parts: int) -> dict[str, Any]:
    return {
        "description": f"{model} Input Tokens",
        "amount": amount,
        "currency": "usd",
        "quantity": Decimal(1000),
        "period": {"start": 1_793_491_200, "end": 1_796_083_200},
        "pricing": {"unit_amount_decimal": "0.50"},
        "pretax_credit_amounts": [CREDIT | {"amount": 100 + number} for number in range(parts)],
    }


def preview() -> dict[str, Any]:
    return {
        "id": "upcoming_in_1",
        "status": "draft",
        "currency": "usd",
        "amount_due": 300,
        "amount_paid": 0,
        "amount_remaining": 300,
        "period_start": 1_793_491_200,
        "period_end": 1_796_083_200,
        "invoice_lines": [line("one", 100, 0), line("two", 200, 2), line("two", 200, 2)],
        "request_id": "r1",
        "more": {"b": [1, 2], "a": Decimal(5)},
        "tax": 10,
    }


def balance() -> dict[str, Any]:
    config = {"amount": 1000, "threshold": 500, "error": None, "lastFailedAt": 1_790_000_000}
    return {"balance": 640, "first_topup_success": True, "has_default_payment_method": True, "topup_config": config}


def topup() -> dict[str, Any]:
    return {"amount": 1000, "threshold": 500, "disabledReason": "card declined"}


def limit() -> dict[str, Any]:
    return {"enabled": True, "config": {"amount": 100, "duration": "monthly", "strategy": "fixed"}}


ANSWERS = {"invoice_preview": preview, "credit_balance": balance, "topup_config": topup, "spending_limit": limit}


def marked(table: str, answer: Any, account_id: str = ACCOUNT) -> dict[str, Any]:
    return identified(table, records.row(table, answer, Reading(account_id, NOW)))


def ids(row: Any) -> list[str]:
    """Of the row and of all its children, in no order."""
    if isinstance(row, list):
        return sorted(each for item in row for each in ids(item))
    children = [each for value in row.values() if isinstance(value, list) for each in ids(value)]
    return sorted([row["_dlt_id"], *children])


def respelled(value: Any) -> Any:
    """The same value, written otherwise."""
    if isinstance(value, dict):
        return {name: respelled(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [respelled(each) for each in reversed(value)]
    if isinstance(value, str):
        return f" {value.upper()} "
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(f"{value:e}" if abs(value) < 10**9 else f"{value}000.0")  # times in milliseconds
    return value


@pytest.mark.parametrize("table", ANSWERS)
def test_an_answer_that_is_only_written_otherwise_is_the_same_version(table: str) -> None:
    answer = ANSWERS[table]()
    again = respelled(answer)
    if table == "invoice_preview":  # unknown, so that it may be anything
        again["more"] = {"a": Decimal("5.0"), "b": [2, Decimal("1e0")]}

    assert ids(marked(table, again)) == ids(marked(table, answer))


PASSING: dict[str, Change] = {
    "id": lambda found: found.update(id="upcoming_in_2"),
    "currency": lambda found: found.update(currency="USD"),
    "currency of a line": lambda found: found["invoice_lines"][0].update(currency="Usd"),
    "price": lambda found: found["invoice_lines"][0]["pricing"].update(unit_amount_decimal="5E-1"),
    "blanks": lambda found: found["invoice_lines"][0].update(description="one  Input Tokens "),
    "id of a credit": lambda found: found["invoice_lines"][1]["pretax_credit_amounts"][0].update(
        credit_balance_transaction="cbtxn_2"
    ),
    "unknown id": lambda found: found.update(request_id="r2"),
    "order in an unknown field": lambda found: found.update(more={"a": 5, "b": [2, 1]}),
    "lines": lambda found: found["invoice_lines"].reverse(),
    "credits": lambda found: found["invoice_lines"][1]["pretax_credit_amounts"].reverse(),
}


@pytest.mark.parametrize("change", PASSING.values(), ids=PASSING)
def test_what_changes_without_a_meaning_makes_no_version(change: Change) -> None:
    changed = preview()
    change(changed)

    assert ids(marked("invoice_preview", changed)) == ids(marked("invoice_preview", preview()))


COUNTING: dict[str, Change] = {
    "status": lambda found: found.update(status="open"),
    "currency": lambda found: found.update(currency="eur"),
    "amount": lambda found: found.update(amount_due=Decimal("300.000000000000000001")),
    "period": lambda found: found.update(period_end=1_796_083_201),
    "amount of a line": lambda found: found["invoice_lines"][0].update(amount=101),
    "quantity": lambda found: found["invoice_lines"][0].update(quantity=1001),
    "period of a line": lambda found: found["invoice_lines"][0]["period"].update(end=1_796_083_201),
    "model": lambda found: found["invoice_lines"][0].update(description="three Input Tokens"),
    "price": lambda found: found["invoice_lines"][0]["pricing"].update(unit_amount_decimal="0.51"),
    "a line more": lambda found: found["invoice_lines"].append(line("two", 200, 2)),
    "a line less": lambda found: found["invoice_lines"].pop(),
    "a credit moves": lambda found: found["invoice_lines"][0]["pretax_credit_amounts"].append(
        found["invoice_lines"][1]["pretax_credit_amounts"].pop()
    ),
    "unknown amount": lambda found: found.update(tax=11),
    "unknown object": lambda found: found["more"].update(a=6),
    "a new field": lambda found: found.update(region="weur"),
    "a new id": lambda found: found.update(trace_id="t1"),
}


@pytest.mark.parametrize("change", COUNTING.values(), ids=COUNTING)
def test_what_has_a_meaning_makes_a_version(change: Change) -> None:
    changed = preview()
    change(changed)

    assert marked("invoice_preview", changed)["_dlt_id"] != marked("invoice_preview", preview())["_dlt_id"]


@pytest.mark.parametrize("table", ANSWERS)
def test_two_accounts_never_share_an_id(table: str) -> None:
    answer = ANSWERS[table]()

    assert not set(ids(marked(table, answer))) & set(ids(marked(table, answer, OTHER)))


@given(st.permutations(range(4)))
def test_lines_that_are_alike_have_ids_of_their_own_in_any_order(order: list[int]) -> None:
    lines = [line("one", 100, 0), line("one", 100, 0), line("one", 100, 2), line("two", 100, 1)]
    answer = preview() | {"invoice_lines": [lines[number] for number in order]}

    found = ids(marked("invoice_preview", answer))

    assert len(set(found)) == len(found) == 1 + 4 + 3
    assert found == ids(marked("invoice_preview", preview() | {"invoice_lines": lines}))


def test_loads_of_one_preview_written_in_many_ways_keep_one_version_with_its_lines(tmp_path: Path) -> None:
    """The children too: a line that stands elsewhere brings no credit a second time."""
    bench = Bench(tmp_path, start="2026-11-20").with_tables()
    account = bench.account()
    lines = [line("one", 100, 0), line("two", 200, 2), line("three", 300, 1)]
    for number, order in enumerate([(0, 1, 2), (2, 1, 0), (1, 0, 2)]):
        written = {"id": f"upcoming_{number}", "currency": ["usd", "USD", "Usd"][number]}
        account.set_preview(preview() | written | {"invoice_lines": [lines[place] for place in order]})
        bench.load_well(only=("invoice_preview",))
        bench.now += HOUR

    counts = [bench.one(f"select count(*) from {{raw}}.{table}") for table in ("invoice_preview", LINES, CREDITS)]
    assert counts == [1, 3, 3]
    assert (
        bench.one(
            f"select count(*) from {{raw}}.{CREDITS} where _dlt_parent_id not in (from {{raw}}.{LINES} select _dlt_id)"
        )
        == 0
    )

    account.set_preview(preview() | {"invoice_lines": [*lines, line("four", 5, 0)]})
    bench.load_well(only=("invoice_preview",))
    older, newer = bench.versions("invoice_preview")
    assert [len(older["invoice_lines"]), len(newer["invoice_lines"])] == [3, 4]
    assert [len(each["pretax_credit_amounts"]) for each in newer["invoice_lines"]] == [0, 2, 1, 0]
    bench.close()


def test_a_file_of_an_older_version_gets_one_new_version_of_each_snapshot(tmp_path: Path) -> None:
    """Its ids were made of the answer as it was written."""
    bench = Bench(tmp_path, start="2026-11-20")
    account = bench.account()
    account.set_preview(preview())
    account.set_balance(640)
    only = ("invoice_preview", "credit_balance")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "identified", lambda _, row: row)
        bench.load_well(only=only)
    for _ in range(2):
        bench.now += HOUR
        bench.load_well(only=only)

    for table in only:
        assert [version["is_open"] for version in bench.versions(table)] == [False, True]
    older, newer = bench.versions("invoice_preview")
    assert {**older, "is_open": True} == newer
    bench.close()


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_what_is_nested_deeply_stays_small(opening: str) -> None:
    """Every level once doubled what had to be compared."""
    closing = {"{": "}", "[": "]"}[opening[0]]
    text = opening * 50 + '"\\"x\\""' + closing * 50

    row = identity.identified("topup_config", {"account_id": ACCOUNT, "amount": Decimal(1), "more": text})

    assert len(row["_dlt_id"]) == 32
