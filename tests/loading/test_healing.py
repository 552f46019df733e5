"""A table that somebody dropped is made and filled again by the next load, in every store."""

from __future__ import annotations

import logging
import shutil

import pytest

from ai_gateway_billing_pipeline.budgets import budgets_in
from ai_gateway_billing_pipeline.loading import store
from ai_gateway_billing_pipeline.settings import Store
from support.bench import Bench
from support.constants import ACCOUNT
from support.lockstep import OF_THE_LOAD, contents
from support.samples import invoice, line, preview

OF_THE_HEALING = {*OF_THE_LOAD, "_dlt_valid_from"}
"""A version that is read again begins when it is."""
DROP = "drop table ai_gateway_billing.{}"
LOST = (
    "usage_hourly",
    "usage_coverage",
    "credit_balance",
    "invoice_preview__invoice_lines",
    "load_status",
    "quarantine",
    "unknown_fields",
    "budgets",
    "_dlt_pipeline_state",
    "_dlt_version",
    "_dlt_loads",
)
FILLED = {"usage_hourly", "credit_balance", "invoice_preview__invoice_lines", "quarantine", "unknown_fields"}
AT_ONCE = ("invoice_preview__invoice_lines, unknown_fields, usage_hourly",)
"""One of each kind, in a lake, where a load takes much longer."""


@pytest.mark.parametrize(
    ("destination", "tables"),
    [
        pytest.param("duckdb", LOST, marks=pytest.mark.thorough),
        pytest.param("postgres", LOST, marks=pytest.mark.stores),
        pytest.param("ducklake", AT_ONCE, marks=pytest.mark.stores),
    ],
)
def test_a_lost_table_is_made_and_filled_again(
    bench: Bench,
    destination: str,
    tables: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    if destination != "duckdb":
        request.getfixturevalue({"ducklake": "lake"}.get(destination, destination))
    where = Store(bench.database, destination)
    bench.world.accounts[ACCOUNT].put_invoice(invoice("in_1"))
    bench.world.accounts[ACCOUNT].set_preview(preview(250, line("openai/gpt-5.5", 250)))
    bench.world.inject("usage-history", "history.*.model", "gpt-5.5")
    bench.world.inject("invoice-history", "invoices.*.attempt_count", "three")
    bench.load([ACCOUNT], destination=destination)
    expected = held(where)
    assert all(len(expected[table]) > 1 for table in FILLED)

    for lost in tables:
        with store.changed(where) as sql:
            for table in lost.split(", "):
                sql.execute(DROP.format(table))
        shutil.rmtree(f"{bench.database}.load", ignore_errors=True)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            bench.load([ACCOUNT], destination=destination)

        assert (held(where), lost) == (expected, lost)
        if lost != "budgets":  # which needs nothing from the API
            assert f": {lost}. Reading everything again." in caplog.text


@pytest.mark.parametrize("destination", ["duckdb", pytest.param("postgres", marks=pytest.mark.stores)])
def test_what_an_older_version_did_not_make_comes_with_the_next_load(
    bench: Bench, destination: str, request: pytest.FixtureRequest
) -> None:
    if destination != "duckdb":
        request.getfixturevalue(destination)
    where = Store(bench.database, destination)
    bench.budgets = budgets_in({"all": {"amount": 100, "period": "month"}})
    bench.load_well([ACCOUNT], destination=destination)
    expected = held(where)

    with store.changed(where) as sql:
        for table in ("account_names", "usage_reported", "_dlt_version"):
            sql.execute(f"delete from ai_gateway_billing.{table}" if table[0] == "_" else DROP.format(table))
        for column in ("load_settings.written_by", "budgets.thresholds", "load_status.last_listed_at"):
            table, _, name = column.partition(".")
            sql.execute(f"alter table ai_gateway_billing.{table} drop column {name}")
    bench.load_well([ACCOUNT], destination=destination)

    assert held(where) == expected


def held(where: Store) -> dict[str, list[tuple[str, ...]]]:
    with store.changed(where) as sql:
        return contents(lambda query: [*sql.execute(query)], OF_THE_HEALING)
