"""The questions of report and notebooks: they read the views alone, and their answers add up."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.database.scope import Days
from ai_gateway_billing_pipeline.report import questions
from support.demo_history import EMPTY_ACCOUNT_ID, built

ASKED = [
    ask
    for name, ask in inspect.getmembers(questions, inspect.isfunction)
    if ask.__module__ == questions.__name__ and not name.startswith("_")
]


class Heard:
    """A connection that keeps what it is asked."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.statements: list[str] = []

    def execute(self, sql: str, parameters: object = None) -> Any:
        self.statements.append(sql)
        return self.connection.execute(sql, parameters)


@pytest.fixture
def billing() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built("empty")), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("ask", ASKED, ids=lambda ask: ask.__name__)
def test_a_question_reads_the_views_alone(ask: Any, billing: duckdb.DuckDBPyConnection) -> None:
    heard = Heard(billing)
    given = {"account": EMPTY_ACCOUNT_ID, "accounts": [EMPTY_ACCOUNT_ID]}
    ask(heard, **{name: given[name] for name in inspect.signature(ask).parameters if name in given})

    assert any(" spend." in each for each in heard.statements)
    assert not any("ai_gateway_billing." in each for each in heard.statements)


def test_an_account_without_usage_costs_nothing_in_any_month(billing: duckdb.DuckDBPyConnection) -> None:
    months = questions.per_month(billing, EMPTY_ACCOUNT_ID)

    assert sum((row["amount"] or Decimal(0)) for row in months) == 0


def test_days_that_are_not_asked_for_are_left_out(billing: duckdb.DuckDBPyConnection) -> None:
    assert questions.per_day(billing, EMPTY_ACCOUNT_ID, Days(date(1999, 1, 1), date(1999, 1, 2))) == []
