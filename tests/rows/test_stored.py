"""What a resource is told of earlier loads, asked inside a load as the resources of the source ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from dlt.extract import DltResource

from ai_gateway_billing.rows import stored
from ai_gateway_billing.rows.invoices import STORED
from ai_gateway_billing.rows.stored import Listed
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER
from support.pipelines import pipeline
from support.samples import invoice

Row = dict[str, Any]
Question = Callable[[], Any]

OF_INVOICES: dict[str, Question] = {
    "rows": lambda: stored.rows(["account_id", "amount_due"]),
    "invoices": lambda: stored.invoices(ACCOUNT),
    "nobody's invoices": lambda: stored.invoices("x' or 'x' = 'x"),
    "accounts without ids": stored.accounts_without_ids,
    "listed": stored.listed,
}
OF_VERSIONS: dict[str, Question] = {"open": stored.open_versions, "newest": stored.newest_version}
NOTHING = {
    "rows": [], "invoices": [], "nobody's invoices": [], "accounts without ids": [], "listed": {}, "open": {},
    "newest": None,
}  # fmt: skip


def kept(account_id: str, name: str, listed_at: datetime, **fields: Any) -> Row:
    """A row of the table `invoices`, of which these columns are asked for."""
    identity = {"created": NOW, "currency": "usd", "description": "credits", "amount_due": 5}
    row = {"account_id": account_id, "id": name, "has_surrogate_id": False, "last_listed_at": listed_at}
    return row | identity | fields


INVOICES = [
    kept(ACCOUNT, "in_1", NOW - DAY),
    kept(ACCOUNT, "in_2", NOW),
    kept(ACCOUNT, "in_3", NOW, amount_due=6),
    kept(OTHER, "surrogate_1", NOW - HOUR, has_surrogate_id=True),
]


def balances(*of: tuple[str, int]) -> list[Row]:
    return [{"account_id": account_id, "balance": cents} for account_id, cents in of]


def asking(questions: dict[str, Question], rows: list[Row], answers: dict[str, Any], **hints: Any) -> DltResource:
    """A resource that asks these questions and then gives these rows."""

    @dlt.resource(**hints)
    def resource() -> Iterator[Any]:
        answers.update({name: ask() for name, ask in questions.items()})
        yield rows

    return resource


def load(run: Callable[..., Any], invoices: list[Row], versions: list[Row], zone: bool = True) -> dict[str, Any]:
    """One load of both tables. What it is told before its own rows are there."""
    answers: dict[str, Any] = {}
    columns: Any = {"last_listed_at": {"data_type": "timestamp", "timezone": zone}}
    scd2: Any = {"disposition": "merge", "strategy": "scd2"}
    run(
        [
            asking(OF_INVOICES, invoices, answers, name="invoices", write_disposition="append", columns=columns),
            asking(OF_VERSIONS, versions, answers, name="credit_balance", write_disposition=scd2),
        ]
    )
    return answers


class Told:
    """Four loads into one database: what the first and the last were told, and what the database holds."""

    def __init__(self, folder: Path) -> None:
        run = pipeline(folder).run
        self.first = load(run, INVOICES, balances((ACCOUNT, 7), (OTHER, 8)))
        for cents in (6, 5):
            load(run, [], balances((ACCOUNT, cents), (OTHER, 8)))
        self.last = load(run, [], [])
        with duckdb.connect(str(folder / "billing.duckdb")) as connection:
            connection.execute("set timezone = 'UTC'")
            query = "select account_id, balance, _dlt_id, _dlt_valid_from, _dlt_valid_to from credit_balance"
            connection.execute("use ai_gateway_billing")
            self.versions = connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("stored"))


def test_a_first_load_is_told_of_nothing(told: Told) -> None:
    assert told.first == NOTHING


def test_rows_come_by_the_columns_that_were_asked_for(told: Told) -> None:
    assert sorted(told.last["rows"]) == [(ACCOUNT, 5), (ACCOUNT, 5), (ACCOUNT, 6), (OTHER, 5)]


def test_invoices_are_those_of_the_account_alone(told: Told) -> None:
    found = sorted(dict(zip(STORED, row, strict=True))["id"] for row in told.last["invoices"])

    assert found == ["in_1", "in_2", "in_3"]
    assert told.last["nobody's invoices"] == []


def test_accounts_without_ids_are_those_with_a_surrogate(told: Told) -> None:
    assert told.last["accounts without ids"] == [OTHER]


def test_the_last_list_of_an_account_is_its_newest_with_as_many_invoices_as_it_held(told: Told) -> None:
    assert told.last["listed"] == {ACCOUNT: Listed(NOW, 2), OTHER: Listed(NOW - HOUR, 1)}


def test_a_version_is_open_until_another_one_took_its_place(told: Told) -> None:
    current = {account_id: name for account_id, _, name, _, until in told.versions if until is None}

    assert len(told.versions) == 4
    assert told.last["open"] == current


def test_the_newest_moment_of_all_versions_is_the_last_beginning_or_end(told: Told) -> None:
    assert told.last["newest"] == max(
        moment for *_, since, until in told.versions for moment in (since, until) if moment
    )


def test_times_that_are_stored_without_a_zone_are_utc(tmp_path: Path) -> None:
    run = pipeline(tmp_path).run
    load(run, INVOICES, [], zone=False)

    assert load(run, [], [], zone=False)["listed"] == {ACCOUNT: Listed(NOW, 2), OTHER: Listed(NOW - HOUR, 1)}


def test_where_the_destination_takes_no_sql_nothing_is_known(tmp_path: Path) -> None:
    @dlt.destination(name="sink")
    def sink(items: Any, table: Any) -> None: ...

    assert load(pipeline(tmp_path, sink).run, INVOICES, balances((ACCOUNT, 7))) == NOTHING


def test_a_resource_that_is_read_without_a_pipeline_is_told_of_nothing(tmp_path: Path) -> None:
    pipeline(tmp_path).deactivate()

    assert load(lambda resources: [list(each) for each in resources], INVOICES, balances((ACCOUNT, 7))) == NOTHING


@pytest.mark.thorough
def test_a_database_whose_state_is_lost_is_asked_which_accounts_have_invoices_without_id(tmp_path: Path) -> None:
    bench = Bench(tmp_path, start="2026-11-22")
    bench.account()
    for name in (None, "in_1"):
        bench.world.clear_injections()
        bench.world.inject("invoice-history", "invoices", lambda _, name=name: [invoice(name)], ACCOUNT)
        bench.world.inject("invoice-history", "pagination.total_count", 1, ACCOUNT)
        bench.now += HOUR
        bench.load_well(only=("invoices",))
        bench.close()
        with duckdb.connect(str(bench.database)) as connection:
            connection.execute("drop table if exists ai_gateway_billing._dlt_pipeline_state")

    assert bench.rows("select id from {raw}.invoices") == [("in_1",)]
    bench.close()
