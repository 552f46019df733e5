"""Amounts, days and counts as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ai_gateway_billing_pipeline.report import formats


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.5", "USD", "$1,234.50"),
        ("-1234.5", "USD", "−$1,234.50"),
        ("0", "EUR", "€0.00"),
        ("0.001", "USD", "<$0.01"),
        ("120", "JPY", "¥120"),
        ("1.2345", "KWD", "KWD\N{NO-BREAK SPACE}1.234"),
        ("12", None, "12.00"),
    ],
)
def test_an_amount_has_its_currencys_sign_and_digits(amount: str, currency: str | None, shown: str) -> None:
    assert formats.money(Decimal(amount), currency) == shown


@pytest.mark.parametrize(
    ("part", "shown"), [("0", "0%"), ("0.001", "under 1%"), ("50", "50%"), ("99.999", "over 99%"), ("100", "100%")]
)
def test_a_share_is_nothing_or_everything_only_where_that_is_true(part: str, shown: str) -> None:
    assert formats.percent(Decimal(part), Decimal(100)) == shown


def test_times_are_written_out() -> None:
    assert formats.day_name(date(2026, 11, 2)) == "2 Nov 2026"
    assert formats.hour_name(datetime(2026, 11, 10, 14, tzinfo=UTC)) == "Tue 10 Nov 2026, 14:00 UTC"
    assert formats.month_name(date(2026, 11, 1)) == "November 2026"


@pytest.mark.parametrize(
    ("parts", "shown"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")]
)
def test_a_list_reads_as_a_sentence(parts: list[str], shown: str) -> None:
    assert formats.listed(parts) == shown


@pytest.mark.parametrize(("number", "shown"), [(0, "0 days"), (1, "1 day"), (1200, "1,200 days")])
def test_a_count_agrees_with_its_word(number: int, shown: str) -> None:
    assert formats.count(number, "day") == shown
