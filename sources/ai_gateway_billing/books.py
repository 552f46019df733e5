"""The resources that tell of the others: how they were read, what broke the contract, which fields nobody knew."""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dlt
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.extract import DltResource

from ai_gateway_billing.rows import arrow, bookkeeping, stored
from ai_gateway_billing.rows.bookkeeping import COLUMNS, Before
from ai_gateway_billing.rows.records import Row
from ai_gateway_billing.rows.versions import hints

from .extraction import Extraction, Runs
from .merging import is_made

log = logging.getLogger(__name__)


def books(runs: Runs) -> Sequence[DltResource]:
    """All of them. They belong behind the resources that they tell of."""

    @dlt.resource(name="load_status", write_disposition="merge", columns=hints(COLUMNS["load_status"]))
    def load_status() -> Iterator[Any]:
        """One row per account and resource: how it was read last."""
        yield from _written(runs, "load_status", _statuses)

    @dlt.resource(name="quarantine", write_disposition="merge", columns=hints(COLUMNS["quarantine"]))
    def quarantine() -> Iterator[Any]:
        """One row per item or field that breaks the contract, until its resource is read without a fault."""
        yield from _written(runs, "quarantine", _refused)

    @dlt.resource(name="unknown_fields", write_disposition="merge", columns=hints(COLUMNS["unknown_fields"]))
    def unknown_fields() -> Iterator[Any]:
        """One row per field that the contract does not know: since when."""
        yield from _written(runs, "unknown_fields", _new_fields)

    return load_status, quarantine, unknown_fields


def _written(runs: Runs, name: str, rows: Callable[[Extraction, Before], list[Row]]) -> Iterator[Any]:
    """The rows of the table, when all that was selected has been read; nothing where nothing is loaded."""
    run, columns = runs.of(name), COLUMNS[name]
    yield None  # dlt turns to the other resources, which then are under way
    while run.under_way:
        yield None
    try:
        dlt.current.load_package_state()
    except CurrentLoadPackageStateNotAvailable:
        return
    before = stored.rows([each for each in columns if each != "withdrawn"])
    yield from arrow.worth_loading([arrow.table(rows(run, before), columns)], columns, is_made(name, columns))


def _statuses(run: Extraction, before: Before) -> list[Row]:
    return bookkeeping.load_status(run.outcomes, run.listed(), before, run.extent.now)


def _refused(run: Extraction, before: Before) -> list[Row]:
    return bookkeeping.quarantine(run.outcomes, before, run.extent.now)


def _new_fields(run: Extraction, before: Before) -> list[Row]:
    rows = bookkeeping.unknown_fields(run.outcomes.new_fields, before, run.extent.now)
    for row in rows:
        log.warning("The API sent a new field: %s.%s. It is kept as a column.", row["table_name"], row["field"])
    return rows
