"""Answers about invoices, previews, balances and limits become rows, exact and strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.rows import records, tables, unknown
from ai_gateway_billing.rows.records import Reading
from support.constants import NOW

A = "a" * 32
READING = Reading(A, NOW)
SENSITIVE = Reading(A, NOW, include_sensitive=True)
CREATED = 1_790_000_000

INVOICE: dict[str, Any] = {
    "id": "in_1",
    "created": CREATED,
    "status": "open",
    "currency": "usd",
    "amount_due": 1050,
    "amount_paid": Decimal("0.5"),
    "amount_remaining": Decimal("1049.5"),
    "attempt_count": 1,
    "attempted": True,
    "auto_advance": None,
    "created_by": "system",
    "description": None,
    "invoice_origin": "auto",
    "invoice_pdf": "https://pay.example/in_1/pdf",
}
LINE: dict[str, Any] = {
    "description": "openai/gpt-5.5",
    "amount": 19287,
    "currency": "usd",
    "quantity": Decimal("1234.5"),
    "period": {"start": CREATED, "end": CREATED + 60},
    "pricing": {"unit_amount_decimal": "0.000125"},
    "pretax_credit_amounts": [
        {"amount": 1808, "type": "discount", "discount": "di_1", "credit_balance_transaction": None}
    ],
}
PREVIEW: dict[str, Any] = {
    "id": "upcoming_1",
    "status": "draft",
    "currency": "usd",
    "amount_due": 18846,
    "amount_paid": 0,
    "amount_remaining": 18846,
    "period_start": CREATED,
    "period_end": CREATED + 2_592_000,
    "invoice_lines": [LINE],
}
TOPUP: dict[str, Any] = {
    "amount": 1000,
    "threshold": 500,
    "disabledReason": None,
    "error": "card declined",
    "lastFailedAt": CREATED * 1000,
}
BALANCE: dict[str, Any] = {
    "balance": Decimal("640.19"),
    "first_topup_success": True,
    "has_default_payment_method": True,
    "payment_method": {"brand": "visa", "last4": "4242"},
    "topup_config": TOPUP,
}
LIMIT: dict[str, Any] = {"enabled": True, "config": {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}}

ANSWERS = {
    "invoices": (records.invoice, INVOICE),
    "invoice_preview": (partial(records.row, "invoice_preview"), PREVIEW),
    "topup_config": (partial(records.row, "topup_config"), TOPUP),
    "credit_balance": (partial(records.row, "credit_balance"), BALANCE),
    "spending_limit": (partial(records.row, "spending_limit"), LIMIT),
}


def changed(document: Any, path: str, change: Any) -> Any:
    """A copy with the object at the end of a dotted path given to `change(container, key)`."""
    copy = deepcopy(document)
    container, *_ = found = [copy]
    *steps, last = path.split(".")
    for step in steps:
        container = found[-1][int(step) if step.isdigit() else step]
        found.append(container)
    change(container if steps else copy, last)
    return copy


def without(document: Any, path: str) -> Any:
    return changed(document, path, lambda container, key: container.pop(key))


def with_value(document: Any, path: str, value: Any) -> Any:
    return changed(document, path, lambda container, key: container.__setitem__(key, value))


def row_of(resource: str, answer: Any = None, reading: Reading = READING) -> dict[str, Any]:
    convert, good = ANSWERS[resource]
    return convert(good if answer is None else answer, reading)


def test_an_invoice_becomes_a_row_in_cents() -> None:
    assert row_of("invoices") == {
        **{name: value for name, value in INVOICE.items() if name != "invoice_pdf"},
        "created": datetime.fromtimestamp(CREATED, UTC),
        "account_id": A,
        "has_surrogate_id": False,
        "last_listed_at": NOW,
        "kind": "unknown",
    }


def test_a_preview_keeps_its_lines_and_their_credits() -> None:
    row = row_of("invoice_preview")

    assert row["amount_due"] == 18846
    (line,) = row["invoice_lines"]
    assert (line["account_id"], line["amount"], line["quantity"]) == (A, 19287, Decimal("1234.5"))
    assert line["pricing"] == {"unit_amount_decimal": "0.000125"}
    assert line["pretax_credit_amounts"] == [
        {"account_id": A, "amount": 1808, "type": "discount", "discount": "di_1", "credit_balance_transaction": None}
    ]


def test_a_balance_keeps_its_fraction_and_its_topup_config() -> None:
    row = row_of("credit_balance", with_value(BALANCE, "balance", Decimal("-428.07")))

    assert row["balance"] == Decimal("-428.07")
    assert row["topup_config"]["disabled_reason"] is None
    assert row["topup_config"]["last_failed_at"] == datetime.fromtimestamp(CREATED, UTC)


@pytest.mark.parametrize("resource", ANSWERS)
def test_every_column_of_a_row_is_in_the_schema_and_every_hinted_one_in_the_row(resource: str) -> None:
    row = row_of(resource, reading=SENSITIVE)
    flat = set()
    for name, value in row.items():
        flat |= {f"{name}__{inner}" for inner in value} if isinstance(value, dict) else {name}
    hinted = set(tables.TABLES[resource])
    hinted |= tables.SENSITIVE.get(resource, {}).keys()

    assert flat - {"invoice_lines"} == hinted - {"withdrawn"}


@pytest.mark.parametrize("resource", ANSWERS)
@pytest.mark.parametrize("answer", [None, [], "text", 5, True])
def test_an_answer_that_is_no_object_is_an_error(resource: str, answer: Any) -> None:
    with pytest.raises(RecordError):
        ANSWERS[resource][0](answer, READING)


@pytest.mark.parametrize("price", ["0.000125", "", None])
def test_a_unit_price_is_kept_as_the_text_it_is(price: str | None) -> None:
    answer = with_value(PREVIEW, "invoice_lines.0.pricing.unit_amount_decimal", price)

    assert row_of("invoice_preview", answer)["invoice_lines"][0]["pricing"]["unit_amount_decimal"] == price


def test_a_unit_price_that_comes_as_a_number_keeps_its_digits() -> None:
    answer = with_value(PREVIEW, "invoice_lines.0.pricing.unit_amount_decimal", Decimal("0.0001250"))

    assert row_of("invoice_preview", answer)["invoice_lines"][0]["pricing"]["unit_amount_decimal"] == "0.0001250"


# --- sensitive ------------------------------------------------------------------------------------------------------


def test_links_and_card_digits_stay_out_unless_asked_for() -> None:
    assert "invoice_pdf" not in row_of("invoices")
    assert "payment_method" not in row_of("credit_balance")
    assert row_of("invoices", reading=SENSITIVE)["invoice_pdf"] == INVOICE["invoice_pdf"]
    assert row_of("credit_balance", reading=SENSITIVE)["payment_method"] == {"brand": "visa", "last4": "4242"}


def test_unknown_fields_that_look_sensitive_stay_out_unless_asked_for() -> None:
    answer = INVOICE | {"hosted_invoice_url": "https://pay.example/1", "note": "see https://pay.example/2", "tax": 7}

    assert row_of("invoices", answer).keys() - row_of("invoices").keys() == {"tax"}
    kept = row_of("invoices", answer, SENSITIVE).keys() - row_of("invoices", reading=SENSITIVE).keys()
    assert kept == {"hosted_invoice_url", "note", "tax"}


def test_what_is_put_aside_holds_no_link_and_no_card() -> None:
    payload = [INVOICE | {"odd": {"deep": ["https://pay.example/x", 1], "last4": "4242"}}, BALANCE]

    text = unknown.as_json(unknown.redacted(payload))

    assert "pay.example" not in text
    assert "4242" not in text
    assert '"amount_paid": 0.5' in text


def leaves(document: Any, path: str = "") -> Iterator[str]:
    """The dotted path of every text, number, flag and null of an answer."""
    if not isinstance(document, dict | list):
        yield path.removesuffix(".")
        return
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield from leaves(value, f"{path}{key}.")


CARD = "4929716000001137"
SHAPES = {
    "digits": CARD,
    "digits in groups": "4929 7160 0000 1137",
    "digits among words": f"card {CARD}x",
    "a number of these digits": int(CARD),
    "an exact number of these digits": Decimal(CARD),
    "a token": "cfut_" + "Xy7kQ2mZp9rT4vB8nW1cD6fG3hJ5lS0aEuI2oPq701ab23cd",
    "an older token": "Xy7-kQ2m_Zp9rT4vB8nW1cD6fG3hJ5lS0aE-uI2o",
    "a header": "Authorization: Bearer 0123",
    "a link without a scheme": "pay.example.com/acct_1SeCrEt?s=ap",
    "a text without end": "Xy7-kQ2m_Zp9rT4vB8nW1cD6fG3hJ5lS0aE-uI2o%2f" * 500,
}
TELLING = ("49297160", "4929 7160", "Xy7", "0123", "SeCrEt")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("resource", ANSWERS)
def test_nothing_sensitive_is_put_aside_whatever_is_expected_in_its_place(resource: str, shape: str) -> None:
    """Alone, in a list or as a name; the rest of the item stays."""
    value, answer = SHAPES[shape], ANSWERS[resource][1]
    for path in leaves(answer):
        for sent in (value, [value], {str(value): 1}):
            kept = unknown.rejected(RecordError(resource, path, "is wrong"), with_value(answer, path, sent)).payload

            assert not [word for word in TELLING if word in kept], (path, kept[:300])
            assert json.loads(kept).keys() <= answer.keys()


def test_what_is_put_aside_is_otherwise_as_it_was_sent() -> None:
    sent = LINE | {"description": 'two words, "quoted" and 2026-11-26', "at": [CREATED, CREATED * 1000, None, True]}

    kept = unknown.rejected(RecordError("invoice_preview", "amount", "is wrong"), sent).payload

    assert json.loads(kept, parse_float=Decimal) == sent


@pytest.mark.parametrize("levels", [unknown.LEVELS - 1, unknown.LEVELS, unknown.LEVELS + 1, 400, 100_000])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
@pytest.mark.parametrize("last", ["https://pay.example/x", {"last4": "4242"}, 7])
def test_what_is_nested_at_any_depth_is_kept_as_far_as_it_can_be_and_never_leaks(
    levels: int, wrap: Any, last: Any
) -> None:
    nested = last
    for _ in range(levels):
        nested = wrap(nested)

    for text in (
        unknown.as_json(unknown.redacted({"odd": nested})),
        str(row_of("invoices", INVOICE | {"odd": nested})),
    ):
        assert "pay.example" not in text
        assert "4242" not in text
        assert unknown.CUT in text or levels <= unknown.LEVELS
    kept = row_of("invoices", INVOICE | {"odd": nested}).get("odd")
    assert kept is None or json.loads(kept)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"a": inner}], ids=["lists", "objects"])
def test_what_is_put_aside_is_whole_up_to_the_deepest_level(wrap: Any) -> None:
    whole: Any = 7
    cut: Any = unknown.CUT
    for _ in range(unknown.LEVELS):
        whole, cut = wrap(whole), wrap(cut)

    assert unknown.redacted(whole) == whole
    assert unknown.redacted(wrap(whole)) == cut


# --- drift ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ANSWERS)
def test_unknown_fields_are_kept(resource: str) -> None:
    answer = ANSWERS[resource][1] | {"newNumber": Decimal("1.25"), "new_flag": False, "new_list": [1, {"a": None}]}

    row = row_of(resource, answer)

    assert (row["new_number"], row["new_flag"], row["new_list"]) == (Decimal("1.25"), False, '[1, {"a": null}]')


@pytest.mark.parametrize(
    ("resource", "path", "place"),
    [
        ("invoice_preview", "invoice_lines.0.fresh", ("invoice_lines", 0)),
        ("invoice_preview", "invoice_lines.0.period.fresh", ("invoice_lines", 0, "period")),
        ("invoice_preview", "invoice_lines.0.pricing.fresh", ("invoice_lines", 0, "pricing")),
        (
            "invoice_preview",
            "invoice_lines.0.pretax_credit_amounts.0.fresh",
            ("invoice_lines", 0, "pretax_credit_amounts", 0),
        ),
        ("credit_balance", "topup_config.fresh", ("topup_config",)),
        ("spending_limit", "config.fresh", ("config",)),
    ],
)
def test_unknown_fields_deeper_down_are_kept(resource: str, path: str, place: tuple[Any, ...]) -> None:
    found: Any = row_of(resource, with_value(ANSWERS[resource][1], path, "x"))
    for step in place:
        found = found[step]

    assert found["fresh"] == "x"


@pytest.mark.parametrize("resource", ANSWERS)
@pytest.mark.parametrize(
    "name", ["account_id", "accountId", "withdrawn", "has_surrogate_id", "last_listed_at", "_dlt_id"]
)
def test_an_unknown_field_never_overwrites_a_column(resource: str, name: str) -> None:
    row = row_of(resource, ANSWERS[resource][1] | {name: "theirs"})

    assert row_of(resource).items() <= row.items()
    assert "theirs" in row.values()
    assert not any(column.startswith("_dlt") or column == "withdrawn" for column in row)


def test_an_unknown_status_or_currency_is_accepted() -> None:
    row = row_of("invoices", INVOICE | {"status": "refunded", "currency": "XAU"})

    assert (row["status"], row["currency"]) == ("refunded", "XAU")


# --- invoices without id --------------------------------------------------------------------------------------------


def surrogate(**changes: Any) -> str:
    return str(row_of("invoices", INVOICE | {"id": None} | changes)["id"])


def test_an_invoice_without_id_is_the_same_while_created_currency_description_and_amount_due_agree() -> None:
    same = surrogate(status="paid", amount_paid=1050, amount_remaining=0, attempt_count=3, invoice_origin=None)

    assert same == surrogate()
    assert row_of("invoices", INVOICE | {"id": None})["has_surrogate_id"] is True


@pytest.mark.parametrize(
    "changes", [{"created": CREATED + 1}, {"currency": "eur"}, {"description": "x"}, {"amount_due": 1051}]
)
def test_another_invoice_without_id_gets_another_one(changes: dict[str, Any]) -> None:
    assert surrogate(**changes) != surrogate()


@pytest.mark.parametrize("spelled", [Decimal("1050.00"), Decimal("1.05e3")])
def test_an_invoice_without_id_does_not_change_with_the_spelling_of_a_number(spelled: Decimal) -> None:
    assert surrogate(amount_due=spelled, created=CREATED * 1000) == surrogate()


def test_an_empty_id_is_none() -> None:
    """Two invoices with an empty id would otherwise become one."""
    assert surrogate(id="") == surrogate()


@given(st.none() | st.text(), st.none() | st.sampled_from(["None", "null", ""]) | st.text())
def test_no_two_descriptions_share_an_invoice(first: str | None, second: str | None) -> None:
    assert (surrogate(description=first) == surrogate(description=second)) is (first == second)
