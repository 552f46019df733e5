"""JSON values become exact Python values, or are refused; none becomes NULL or zero by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.rows import values

numbers = st.decimals(allow_nan=False, allow_infinity=False) | st.integers()
json_values = st.none() | st.booleans() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.none())
money = st.decimals(
    min_value=-(10**20) + 1, max_value=10**20 - 1, places=18, allow_nan=False, allow_infinity=False
)  # fmt: skip


@given(money)
def test_eighteen_places_and_twenty_digits_are_kept(number: Decimal) -> None:
    assert values.decimal(number) == number


@given(numbers)
def test_a_number_becomes_what_decimal_38_18_can_hold_or_is_refused(number: Decimal | int) -> None:
    try:
        found = values.decimal(number)
    except ValueError:
        assert abs(Decimal(number)) >= Decimal(10) ** 20 - Decimal("5E-19")
        return

    (stored,) = pa.array([found], type=pa.decimal128(38, 18)).to_pylist()
    assert stored == found
    assert abs(Decimal(found) - Decimal(number)) <= Decimal("5E-19")


@given(st.lists(numbers | money))
def test_whole_columns_are_exact_or_refused_as_their_numbers_are(column: list[Decimal | int]) -> None:
    """A column is refused, too, when a single number would have to be rounded: then each is taken alone."""
    try:
        found = values.exact(column)
    except ValueError:
        assert any(abs(Fraction(each)) >= 10**20 or (Fraction(each) * 10**18).denominator > 1 for each in column)
        return

    assert found == column
    assert {each.as_tuple().exponent for each in found} <= {-18}


def test_the_largest_number_that_fits_is_not_rounded_up() -> None:
    largest = Decimal("99999999999999999999.999999999999999999")

    assert values.decimal(largest) == largest
    assert values.exact([largest, largest.copy_negate()]) == [largest, largest.copy_negate()]


@pytest.mark.parametrize("bad", [None, True, "5", [5]])
def test_a_column_with_anything_but_numbers_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="other than numbers"):
        values.exact([5, bad])


@given(money.map(values.decimal))
def test_a_number_is_spelled_without_exponent_above_zero(number: Decimal) -> None:
    """DuckDB reads 5E+4 as a float: it once stored 49999.999999999995805696 for 50000."""
    assert "E+" not in str(number)


@pytest.mark.parametrize("text", ["5", "5.0", "5e0", "0.5e1", "50e-1", "5.000000000000000000000000"])
def test_one_number_has_one_spelling(text: str) -> None:
    """Otherwise a snapshot that says the same in other words would count as changed."""
    found = values.decimal(json.loads(text, parse_float=Decimal))

    assert str(found) == "5"


@pytest.mark.parametrize("text", ["0", "0.0", "-0.0", "0e9", "1e-40"])
def test_zero_has_one_spelling(text: str) -> None:
    assert str(values.decimal(json.loads(text, parse_float=Decimal))) == "0"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0.1234567890123456785", "0.123456789012345678"),
        ("0.1234567890123456775", "0.123456789012345678"),
        ("0.12345678901234567851", "0.123456789012345679"),
        ("-0.0000000000000000005", "0"),
    ],
)
def test_digits_beyond_the_eighteenth_are_rounded_half_to_even(sent: str, kept: str) -> None:
    assert values.decimal(Decimal(sent)) == Decimal(kept)


@pytest.mark.parametrize(
    "sent", [10**20, -(10**20), Decimal("1e400"), Decimal("99999999999999999999.9999999999999999999")]
)
def test_a_number_that_does_not_fit_is_refused(sent: int | Decimal) -> None:
    with pytest.raises(ValueError, match="20 digits"):
        values.decimal(sent)


@pytest.mark.parametrize("limit", [values.USAGE_LIMIT, values.AMOUNT_LIMIT, values.QUANTITY_LIMIT, values.LIMIT])
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_below_a_limit_keep_every_digit_and_others_are_refused(limit: Decimal, sign: int) -> None:
    largest = Decimal("9" * limit.adjusted() + "." + "9" * 18)
    for number in (sign * (int(limit) - 1), largest if sign > 0 else largest.copy_negate()):
        assert values.decimal(number, limit) == number
        assert values.exact([number], limit) == [number]
    for number in (sign * limit, sign * int(limit), sign * (limit * 2)):
        with pytest.raises(ValueError, match="digits before the point"):
            values.decimal(number, limit)
        with pytest.raises(ValueError, match="digits before the point"):
            values.exact([number], limit)


@given(json_values)
def test_what_is_no_number_is_refused_as_one(value: Any) -> None:
    for convert in (values.decimal, values.whole, lambda value: values.instant(value, datetime.now(UTC))):
        with pytest.raises(ValueError, match="instead of a number"):
            convert(value)


def test_true_is_no_number_although_python_counts_with_it() -> None:
    with pytest.raises(ValueError, match="contains boolean"):
        values.decimal(True)


@pytest.mark.parametrize(
    ("convert", "good"),
    [(values.text, "x"), (values.flag, True), (values.mapping, {"a": 1}), (values.sequence, [1])],
)
def test_other_types_are_refused_and_named(convert: Any, good: Any) -> None:
    assert convert(good) is good
    for bad in (value for value in ("x", True, {"a": 1}, [1], 5, None) if type(value) is not type(good)):
        with pytest.raises(ValueError, match=f"contains {values.kind(bad)}"):
            convert(bad)


@pytest.mark.parametrize(
    ("sent", "count"), [(0, 0), (3, 3), ("0", 0), ("12", 12), (Decimal("3.0"), 3), (2**63 - 1, 2**63 - 1)]
)
def test_a_count_may_come_as_text(sent: Any, count: int) -> None:
    assert values.count(sent) == count


@pytest.mark.parametrize("sent", [-1, "-1", "1.5", Decimal("1.5"), "", "١", 2**63, True, None])
def test_what_is_no_count_is_refused(sent: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        values.count(sent)


@pytest.mark.parametrize(("sent", "count"), [(3, 3), (Decimal("3.0"), 3), (Decimal("3e2"), 300), (-1, -1)])
def test_a_count_is_a_whole_number_however_it_is_written(sent: int | Decimal, count: int) -> None:
    assert values.whole(sent) == count


@pytest.mark.parametrize("sent", [Decimal("0.5"), 2**63, -(2**63) - 1, 10**19])
def test_a_count_that_is_none_is_refused(sent: int | Decimal) -> None:
    with pytest.raises(ValueError, match=r"whole number|too large"):
        values.whole(sent)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - given there


@given(moments)
def test_seconds_and_milliseconds_are_told_apart_by_size(moment: datetime) -> None:
    now = datetime(2028, 1, 1, tzinfo=UTC)
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1))
    expected = moment.replace(microsecond=0)

    spellings = [seconds, seconds * 1000, Decimal(seconds), Decimal(f"{seconds}.0"), Decimal(f"{seconds}000e0")]

    assert [values.instant(sent, now) for sent in spellings] == [expected] * len(spellings)


def test_fractions_of_a_second_are_kept() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    assert values.instant(Decimal("1790000000.25"), now).microsecond == 250_000
    assert values.instant(1790000000250, now).microsecond == 250_000


@pytest.mark.parametrize(
    "sent", [0, 1, -1790000000, 1577836799, 90_000_000_000, 1790000000_000_000, 10**18, Decimal("9e19")]
)
def test_a_time_in_some_third_unit_is_refused(sent: int | Decimal) -> None:
    """Microseconds, minutes, nothing at all: better no row than one in the wrong year."""
    with pytest.raises(ValueError, match=r"2020|no time"):
        values.instant(sent, datetime(2026, 11, 22, tzinfo=UTC))


def test_periods_that_end_within_two_years_are_no_error() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)

    assert values.instant(int(datetime(2028, 11, 21, tzinfo=UTC).timestamp()), now).year == 2028


@pytest.mark.parametrize("sent", ["10", "1E1", "10.0", "1.0e+1"])
def test_ten_has_no_exponent_however_it_is_written(sent: str) -> None:
    """Databases read one as a float."""
    assert str(values.decimal(Decimal(sent))) == "10"
