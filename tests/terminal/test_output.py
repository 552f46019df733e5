"""Values as people and machines read them."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from rich.text import Text

from ai_gateway_billing_pipeline.terminal import output, values


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


def test_lines_in_a_pipe_are_neither_folded_nor_padded() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        output.print_table(["words", "n"], [("x" * 500, 1), ("y", None)], title="Long", right=[1])

    lines = out.getvalue().splitlines()
    assert lines[1] == "Long"
    assert any("x" * 500 in line for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_a_time_that_is_not_there_is_a_dash() -> None:
    assert values.minute(None) == "–"


class Terminal(io.StringIO):
    """A screen, as wide as COLUMNS says."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (15, "name      count\n───────────────\naccount       1\naccount       2\n"),
        (14, "name   account\ncount  1      \n\nname   account\ncount  2      \n"),
    ],
)
def test_rows_too_wide_for_a_terminal_are_lists(monkeypatch: pytest.MonkeyPatch, width: int, expected: str) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")

    with redirect_stdout(Terminal()) as screen:
        output.print_rows(["name", "count"], [("account", 1), ("account", 2)], right=[1])

    assert Text.from_ansi(screen.getvalue()).plain.rstrip() == expected.rstrip()


def test_rows_in_a_pipe_are_a_table_however_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")

    with redirect_stdout(io.StringIO()) as pipe:
        output.print_rows(["name"] * 9, [("account",) * 9], right=[])

    assert len(pipe.getvalue().splitlines()) == 3
