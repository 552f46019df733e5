"""How a value reads, for people and as JSON."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from ai_gateway_billing_pipeline.terminal import values


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("1.500", "1.5"),
        ("100", "100"),
        ("0E-18", "0"),
        ("1E+3", "1000"),
        ("-0.000000000000000001", "-0.000000000000000001"),
    ],
)
def test_a_decimal_has_all_its_digits_and_no_idle_zero(number: str, digits: str) -> None:
    assert values.plain(Decimal(number)) == digits


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "NULL"),
        (True, "true"),
        (Decimal("2.5"), "2.5"),
        (Decimal("2.50"), "2.50"),
        (Decimal("73.300000000000000000"), "73.30"),
        (Decimal("0E-18"), "0.00"),
        (Decimal("0.125000000000000000"), "0.125"),
        (Decimal(100), "100"),
        (datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2))), "2026-11-22 10:00:00Z"),
        (datetime(2026, 11, 22, 12), "2026-11-22 12:00:00"),  # noqa: DTZ001 - DuckDB has times without a zone
        (date(2026, 11, 22), "2026-11-22"),
        ([Decimal("1.50"), None], "[1.5, null]"),
        ({"a": 1}, '{"a": 1}'),
        (b"\x00\xff", "00ff"),
        ("red \x1b[31m text\x00", "red �[31m text�"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_a_value_for_people(value: object, words: str) -> None:
    assert values.text(value) == words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("123456789012345678.123456789012345678"), "123456789012345678.123456789012345678"),
        ({"a": [Decimal("1.0"), True, None]}, '{"a": [1, true, null]}'),
        (float("nan"), "null"),
        (datetime(2026, 11, 22, 10, tzinfo=UTC), '"2026-11-22T10:00:00Z"'),
        (b"\x01", '"01"'),
        ('quote " and ü', '"quote \\" and ü"'),
    ],
)
def test_json(value: object, expected: str) -> None:
    assert values.to_json(value) == expected


def test_an_object_is_valid_json_whether_empty_or_not() -> None:
    for value in ({}, {"status": "ok", "rows": {"a": 1}}):
        out = io.StringIO()
        with redirect_stdout(out):
            values.print_object(value)

        assert json.loads(out.getvalue()) == value


def test_a_time_that_is_not_there_is_a_dash() -> None:
    assert values.minute(None) == "–"
