"""What is said of models: their share of a month or of days, within one currency."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing_pipeline.report import sentences_by_model as sentences
from ai_gateway_billing_pipeline.report.questions import OTHER_MODELS

Row = dict[str, Any]
LAST_DAY = date(2026, 11, 22)


def models(closed: bool = False, **gross: str | int) -> list[Row]:
    """`a__EUR="5"` is a model in euros; names without a currency are in dollars."""
    return [
        {
            "billing_month": date(2026, 11, 1),
            "day": LAST_DAY - timedelta(days=n % 2),
            "is_closed": closed,
            "model": (name.split("__")[0]).replace("other", OTHER_MODELS),
            "currency": ([*name.split("__"), "USD"])[1],
            "gross": Decimal(amount),
        }
        for n, (name, amount) in enumerate(gross.items())
    ]


MODELS = [
    (models(a=3), "a is the only model, with $3.00"),
    (models(a=3, b=1), "a accounts for 75%: $3.00 of $4.00"),
    (models(a="0.999", b="0.0005"), "a accounts for over 99%: $1.00 of $1.00"),
    (models(a=2, b=2, c=1), "a and b cost most, $2.00 each"),
    (models(a=2, b=2, c=2), "3 models cost most, $2.00 each"),
    (models(a=0, b=0), "no model cost anything"),
    (models(a=3, b=-1), "a cost most, $3.00"),
    (models(a=-3, b=0), "corrections bring the total to −$3.00"),
    (models(a=1, b=-3), "corrections bring the total to −$2.00"),
    (models(a=3, other=9), "a accounts for 25%: $3.00 of $12.00"),
    (
        models(a__JPY=92733, b__USD=3535),
        ("in JPY a is the only model, with ¥92,733; in USD b is the only model, with $3,535.00"),
    ),
    (models(a__EUR=0, b__USD=3, a__USD=1), "in EUR no model cost anything; in USD b accounts for 75%: $3.00 of $4.00"),
]


@pytest.mark.parametrize(("rows", "said"), MODELS)
def test_models_share_a_month_within_one_currency(rows: list[Row], said: str) -> None:
    assert sentences.per_model(rows) == f"In November 2026 so far, {said}"
    assert sentences.per_model([row | {"is_closed": True} for row in rows]) == f"In November 2026, {said}"


@pytest.mark.parametrize(("rows", "said"), MODELS)
def test_models_share_the_days_shown_within_one_currency(rows: list[Row], said: str) -> None:
    when = "On 22 Nov 2026" if len(rows) == 1 else "From 21 Nov 2026 to 22 Nov 2026"

    assert sentences.per_model_and_day(rows) == f"{when}, {said}"
