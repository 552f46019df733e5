"""The resources that tell of the others, run by dlt: after them, from what was there before, and only in a load."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest

from ai_gateway_billing.books import books
from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.extraction import Extraction, Runs
from ai_gateway_billing.outcome import Part, Rejected
from ai_gateway_billing.rows.bookkeeping import COLUMNS
from ai_gateway_billing.usage.cursors import Extent
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY
from support.pipelines import pipeline

BROKEN = Part(rejected=[Rejected(RecordError("invoices", "amount_due", "is missing"), "{}")])
NEW = Part(unknown={"invoices": {"tax": "text"}})


class FakeClient:
    """No network."""

    server_time: Any = None


def run_at(now: datetime) -> Extraction:
    return Extraction(FakeClient(), (ACCOUNT, OTHER), Extent(TODAY - DAY, now))  # type: ignore[arg-type]


class Books:
    """Loads of the books alone into one database."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "billing.duckdb"
        self._pipeline = pipeline(folder)
        self._now = NOW - HOUR

    def load(self, *parts: tuple[str, str, Part]) -> Extraction:
        """An hour later: the books of a run in which this came of the others."""
        self._now += HOUR
        run = run_at(self._now)
        for part in parts:
            run.outcomes.take(*part)
        return self.load_with(run)

    def load_with(self, run: Extraction, *others: Any) -> Extraction:
        """The books of this run, behind other resources."""
        self._pipeline.run([*others, *books(Runs(lambda: run))])
        return run

    def rows(self, query: str) -> list[Any]:
        with duckdb.connect(str(self._path)) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute("use ai_gateway_billing")
            return connection.execute(query).fetchall()


@pytest.fixture
def kept(tmp_path: Path) -> Books:
    return Books(tmp_path)


def test_each_book_has_all_its_columns_before_there_is_anything_to_tell(kept: Books) -> None:
    kept.load()

    for name, columns in COLUMNS.items():
        there = {row[0] for row in kept.rows(f"describe {name}")}
        assert set(columns) <= there, name
        assert kept.rows(f"select * from {name}") == []


def test_what_was_found_before_is_remembered_and_goes_once_all_is_well(kept: Books) -> None:
    first = kept.load((ACCOUNT, "invoices", BROKEN), (OTHER, "invoices", NEW)).extent.now
    again = kept.load((ACCOUNT, "invoices", BROKEN), (OTHER, "invoices", NEW)).extent.now

    assert kept.rows("select account_id, field, first_seen_at, last_seen_at from quarantine") == [
        (ACCOUNT, "amount_due", first, again)
    ]
    assert kept.rows("select table_name, field, first_seen_at from unknown_fields") == [("invoices", "tax", first)]
    status = "select status, last_attempt_at, last_success_at from load_status order by account_id"
    assert kept.rows(status) == [("failed", again, None), ("ok", again, again)]

    well = kept.load((ACCOUNT, "invoices", Part())).extent.now

    assert kept.rows("select * from quarantine") == []
    assert kept.rows("select count(*) from unknown_fields") == [(1,)]
    assert kept.rows(status) == [("ok", well, well), ("ok", again, again)]


def test_they_are_written_once_all_others_have_been_read(kept: Books) -> None:
    """Also when dlt asks the books first, and again and again."""
    run = run_at(NOW)

    @dlt.resource
    def slow() -> Iterator[Any]:
        run.under_way.add("invoices")
        for _ in range(20):
            yield None
        run.outcomes.take(ACCOUNT, "invoices", BROKEN)
        run.under_way.discard("invoices")

    kept.load_with(run, slow)

    assert kept.rows("select resource, status from load_status") == [("invoices", "failed")]
    assert kept.rows("select resource, field from quarantine") == [("invoices", "amount_due")]


def test_a_new_field_is_said_once(kept: Books, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ai_gateway_billing"):
        for _ in range(2):
            kept.load((ACCOUNT, "invoices", NEW))

    said = "The API sent a new field: invoices.tax. It is kept as a column."
    assert [record.getMessage() for record in caplog.records if record.name == "ai_gateway_billing.books"] == [said]


def test_without_a_load_there_is_nothing_to_tell() -> None:
    run = run_at(NOW)
    run.outcomes.take(ACCOUNT, "invoices", BROKEN)

    assert [row for each in books(Runs(lambda: run)) for row in each] == []
