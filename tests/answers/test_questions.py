"""What the answers say: rows of the views, what is open or unknown marked, and exact totals for each currency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing_pipeline.answers.questions import QUESTIONS, Answer, totals
from ai_gateway_billing_pipeline.database.scope import Asked, scope
from support.constants import ACCOUNT, OTHER
from support.raw_tables import at, database, invoice, used
from support.spending import two_accounts

WORDS = dict[str, Any]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with two_accounts(tmp_path) as connection:
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, name: str, *accounts: str, **asked: Any) -> Answer:
    return QUESTIONS[name](connection, scope(connection, Asked(accounts, **asked)))


def column(answer: Answer, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in answer.rows]


def test_a_day_is_open_incomplete_complete_or_unknown_and_never_a_false_zero(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    days = ask(connection, "daily", ACCOUNT)

    assert column(days, "day", "amount", "state") == [
        (date(2026, 11, 18), Decimal(1), "complete"),
        (date(2026, 11, 19), Decimal(1), "complete"),
        (date(2026, 11, 20), None, "unknown"),
        (date(2026, 11, 21), Decimal(1), "incomplete"),
        (date(2026, 11, 22), Decimal(1), "open"),
    ]


@pytest.mark.parametrize(
    ("asked", "days"),
    [
        ({}, [18, 19, 20, 21, 22]),
        ({"newest": 2}, [21, 22]),
        ({"newest": 100}, [18, 19, 20, 21, 22]),
        ({"first": date(2026, 11, 21)}, [21, 22]),
        ({"last": date(2026, 11, 19)}, [18, 19]),
        ({"last": date(2026, 11, 19), "newest": 1}, [19]),
        ({"first": date(2026, 11, 19), "last": date(2026, 11, 20)}, [19, 20]),
        ({"first": date(1, 1, 1), "last": date.max}, [18, 19, 20, 21, 22]),
        ({"first": date(2026, 11, 23)}, []),
        ({"last": date(2026, 11, 17)}, []),
    ],
)
def test_days_are_those_that_were_asked_for_both_ends_included(
    connection: duckdb.DuckDBPyConnection, asked: WORDS, days: list[int]
) -> None:
    assert [day.day for (day,) in column(ask(connection, "daily", ACCOUNT, **asked), "day")] == days


def test_totals_are_of_each_currency_apart(connection: duckdb.DuckDBPyConnection) -> None:
    assert ask(connection, "daily").totals == [
        {"currency": "EUR", "amount": Decimal(1)},
        {"currency": "USD", "amount": Decimal(4)},
    ]
    assert ask(connection, "models").totals == [
        {"currency": "EUR", "gross": Decimal(1), "credits": Decimal(0), "net": Decimal(1)},
        {"currency": "USD", "gross": Decimal("3.0025"), "credits": Decimal(0), "net": Decimal("3.0025")},
    ]


def test_the_running_month_has_a_forecast_and_says_how_much_of_it_is_known(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    months = ask(connection, "monthly", ACCOUNT)

    assert column(months, "month", "amount", "days_known", "days_elapsed", "state") == [
        (date(2026, 11, 1), Decimal(4), 4, 22, "open")
    ]
    assert months.rows[0]["forecast"] >= 4


@pytest.mark.parametrize(
    ("asked", "months"),
    [
        ({}, [9, 10, 11]),
        ({"newest": 2}, [10, 11]),
        ({"first": date(2026, 10, 31)}, [10, 11]),
        ({"last": date(2026, 10, 1)}, [9, 10]),
        ({"first": date(2026, 10, 15), "last": date(2026, 10, 16)}, [10]),
    ],
)
def test_months_are_whole_and_one_that_was_never_read_is_unknown(
    tmp_path: Path, asked: WORDS, months: list[int]
) -> None:
    usage = [used(day, "100", hour=3) for day in ("2026-09-30", "2026-11-22")]
    with two_accounts(tmp_path, usage_hourly=usage) as connection:
        found = ask(connection, "monthly", ACCOUNT, **asked)

    assert [month.month for (month,) in column(found, "month")] == months
    assert [row["amount"] for row in found.rows if row["month"].month == 10] in ([], [None])


def test_models_of_a_month_without_a_preview_are_unknown(tmp_path: Path) -> None:
    usage = [used(day, "100", hour=3) for day in ("2026-10-30", "2026-11-22")]
    with two_accounts(tmp_path, usage_hourly=usage) as connection:
        models = ask(connection, "models", ACCOUNT, newest=2)

    assert column(models, "month", "model", "gross", "state") == [
        (date(2026, 10, 1), None, None, "unknown"),
        (date(2026, 11, 1), "openai/large", Decimal(3), "open"),
        (date(2026, 11, 1), "openai/small", Decimal("0.0025"), "open"),
    ]


def test_invoices_are_newest_first_and_open_ones_marked(connection: duckdb.DuckDBPyConnection) -> None:
    invoices = ask(connection, "invoices")

    assert column(invoices, "account_id", "status", "state", "billed") == [
        (OTHER, "draft", "complete", Decimal(0)),
        (ACCOUNT, "open", "open", Decimal("10.5")),
        (ACCOUNT, "paid", "final", Decimal("52.5")),
    ]
    newest = ask(connection, "invoices", newest=1, last=date(2026, 11, 12))
    assert (column(newest, "status"), newest.found) == ([("open",)], 2)
    assert ask(connection, "invoices", first=date(2026, 11, 12), last=date(2026, 11, 12)).found == 1


def test_an_invoice_of_no_date_is_shown_last_and_in_no_range(tmp_path: Path) -> None:
    undated = [invoice(None, due="1"), invoice("2026-11-02", due="2")]
    with two_accounts(tmp_path, invoices=undated) as connection:
        assert column(ask(connection, "invoices"), "created_at") == [(at("2026-11-02"),), (None,)]
        assert ask(connection, "invoices", first=date(1, 1, 1)).found == 1


def test_runway_is_of_each_account_and_debt_is_below_zero(connection: duckdb.DuckDBPyConnection) -> None:
    runway = ask(connection, "runway")

    assert column(runway, "account_name", "balance", "days_left") == [
        ("Production", Decimal("-0.05"), Decimal(0)),
        ("Research", Decimal(20), Decimal(20)),
    ]


@pytest.mark.parametrize("name", QUESTIONS)
def test_without_rows_the_columns_are_known(tmp_path: Path, name: str) -> None:
    with two_accounts(tmp_path) as connection:
        columns = ask(connection, name).columns
    (tmp_path / "empty").mkdir()
    with database(tmp_path / "empty") as connection:
        answer = ask(connection, name)

    assert (answer.rows, answer.totals, answer.columns) == ([], [], columns)
    assert columns[:2] == ["account_id", "account_name"]
    assert "found" not in columns


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=22, min_value=-(10**15), max_value=10**15)))
def test_totals_lose_no_digit(amounts: list[Decimal]) -> None:
    rows = [{"currency": "USD", "amount": amount} for amount in amounts]

    found = totals(rows, ["amount"])

    exact = sum((Fraction(amount) for amount in amounts), Fraction())
    assert [Fraction(row["amount"]) for row in found] == ([exact] if amounts else [])


def test_a_total_of_nothing_known_is_unknown() -> None:
    assert totals([{"currency": "USD", "amount": None}], ["amount"]) == [{"currency": "USD", "amount": None}]
