"""The SQL of the questions: no account's rows take part in another's, and nothing that is asked widens a question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from ai_gateway_billing_pipeline.answers import statements
from ai_gateway_billing_pipeline.database.scope import Asked, Row, fetch, scope
from support.constants import ACCOUNT, OTHER
from support.spending import two_accounts

GRAINS = {
    "TODAY": [], "RUNWAY": [], "DAILY": ["day"], "MONTHLY": ["month"], "MODELS": ["month", "model"],
    "GATEWAYS": ["gateway", "is_attributed"], "INVOICES": ["invoice_id"],
}  # fmt: skip
"""What tells the rows of an account apart."""
OVER_TIME = [name for name in GRAINS if name not in {"TODAY", "RUNWAY"}]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with two_accounts(tmp_path_factory.mktemp("two")) as connection:
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, name: str, *accounts: str, last: date | None = None) -> list[Row]:
    _, found = fetch(connection, getattr(statements, name), scope(connection, Asked(accounts, last=last)).parameters)
    return [{key: value for key, value in row.items() if key != "found"} for row in found]


def test_all_statements_are_tried() -> None:
    assert {name for name in vars(statements) if name.isupper() and not name.startswith("_")} == set(GRAINS)


@pytest.mark.parametrize("name", GRAINS)
def test_of_one_account_it_says_what_it_says_of_several(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    both = rows(connection, name)

    assert {row["account_id"] for row in both} == {ACCOUNT, OTHER}
    for account in (ACCOUNT, OTHER):
        assert rows(connection, name, account) == [row for row in both if row["account_id"] == account]


@pytest.mark.parametrize(("name", "grain"), GRAINS.items())
def test_no_row_stands_twice(connection: duckdb.DuckDBPyConnection, name: str, grain: list[str]) -> None:
    keys = [tuple(row[key] for key in ["account_id", *grain]) for row in rows(connection, name)]

    assert keys
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", OVER_TIME)
def test_before_the_first_day_there_is_nothing(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    assert rows(connection, name, last=date(2026, 10, 31)) == []
