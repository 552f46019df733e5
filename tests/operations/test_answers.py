"""What operations answer becomes values; what cannot be used is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.errors import (
    InvalidAnswerError,
)
from ai_gateway_billing.operations import operations
from ai_gateway_billing.operations.operations import Operation
from support.operating import (
    DELETE_CONFIG,
    DELETE_LIMIT,
    ELIGIBILITY,
    ELIGIBLE,
    INVOICE,
    LIMITS,
    SECRET,
    SET_CONFIG,
    SET_LIMIT,
    STATUS,
    TOP_UP,
    TOPUP,
    Api,
    failure,
    good,
    named,
    sender,
)


def test_a_top_up_tells_its_invoice_and_hides_its_secret() -> None:
    with sender(Api(good(TOPUP))) as out:
        topup = out.send(TOP_UP)

    assert (topup.invoice_id, topup.was_onboarded, topup.card_brand) == (INVOICE, True, "visa")
    assert topup.client_secret == SECRET
    for text in (repr(topup), str(topup)):
        assert SECRET not in text
        assert "4242" not in text


def test_a_top_up_needs_nothing_but_its_invoice() -> None:
    with sender(Api(good({"payment_intent_id": INVOICE, "client_secret": None}))) as out:
        assert out.send(TOP_UP) == operations.Topup(INVOICE, None, None, None)


def test_answers_become_values() -> None:
    status, limits = (
        good({"payment_intent_id": INVOICE, "status": "pending"}),
        good({"min_cents": 1, "max_cents": 2, "currency": "usd"}),
    )

    assert sender(Api(status)).send(STATUS) == operations.TopupStatus(INVOICE, "pending")
    assert sender(Api(limits)).send(LIMITS) == operations.TopupLimits(1, 2, "USD")
    assert sender(Api(good({"amount": 2000, "threshold": 500}))).send(SET_CONFIG) == operations.AutoTopup(
        Decimal(2000), Decimal(500)
    )
    eligibility = sender(Api(good(ELIGIBLE))).send(ELIGIBILITY)
    assert (eligibility.eligible, eligibility.reason, eligibility.card_brand) == (True, "ELIGIBLE", "visa")
    assert "4242" not in repr(eligibility)


@pytest.mark.parametrize("result", [{}, None, [], "gone"])
@pytest.mark.parametrize("operation", [DELETE_CONFIG, DELETE_LIMIT, SET_LIMIT], ids=named)
def test_an_empty_answer_is_enough_where_nothing_is_told(operation: Operation[Any], result: object) -> None:
    with sender(Api(good(result))) as out:
        out.send(operation)


@pytest.mark.parametrize(
    ("operation", "result", "field"),
    [
        (STATUS, {"payment_intent_id": INVOICE}, "status"),
        (LIMITS, {"min_cents": 1.5, "max_cents": 2, "currency": "USD"}, "min_cents"),
        (ELIGIBILITY, ELIGIBLE | {"eligible": "yes"}, "eligible"),
        (ELIGIBILITY, [], "its result contains array"),
    ],
)
def test_an_undocumented_answer_to_a_question_is_told(operation: Operation[Any], result: object, field: str) -> None:
    error = failure(Api(good(result)), operation)

    assert isinstance(error, InvalidAnswerError)
    assert field in str(error)
    assert "report this" in str(error)
