"""Dollars and cents become each other exactly, and nothing else is taken for an amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.account import dollars


@pytest.mark.parametrize(
    ("text", "cents"),
    [("50", 5000), ("50.5", 5050), ("50.00", 5000), ("0.01", 1), ("10.07", 1007), ("999999999.99", 99999999999)],
)
def test_dollars_become_whole_cents(text: str, cents: int) -> None:
    found = dollars.cents("--amount", text)

    assert (found, type(found)) == (cents, int)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 50",
        "50 ",
        "50.001",
        "50.",
        ".5",
        "-50",
        "+50",
        "$50",
        "1,000",
        "1_000",
        "5e3",
        "0x10",
        "NaN",
        "٥٠",
        "1" * 10,
    ],
)
def test_another_spelling_is_refused_with_the_name_of_its_option(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--amount .*at most two decimals"):
        dollars.cents("--amount", text)


@given(st.integers(0, 10**11 - 1))
def test_what_is_shown_can_be_typed_again(cents: int) -> None:
    shown = dollars.both(cents)

    assert dollars.cents("", shown.split()[0].removeprefix("$")) == cents
    assert f"({cents} cents)" in shown


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (5000, "$50.00 (5000 cents)"),
        (0, "$0.00 (0 cents)"),
        (Decimal("640.19"), "$6.4019 (640.19 cents)"),
        (Decimal("-150.50"), "-$1.505 (-150.5 cents)"),
        (Decimal("1E+3"), "$10.00 (1000 cents)"),
        (Decimal("0.000001"), "$0.00000001 (0.000001 cents)"),
        (None, "unknown"),
        (True, "unknown"),
        ("5", "unknown"),
    ],
)
def test_cents_are_shown_in_both_units_with_all_their_digits(amount: object, shown: str) -> None:
    assert dollars.both(amount) == shown
