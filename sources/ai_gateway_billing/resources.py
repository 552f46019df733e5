"""The dlt source `ai_gateway_billing`: every resource with its grain, key, write disposition and cursor."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from ai_gateway_billing import turns
from ai_gateway_billing.api.endpoints import OF_RESOURCE
from ai_gateway_billing.invoicing.load import InvoiceLoad, State
from ai_gateway_billing.invoicing.reading import InvoiceReader
from ai_gateway_billing.rows import arrow, identity, records, stored, unknown, versions
from ai_gateway_billing.rows.fields import Columns
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.rows.tables import TABLES, columns_of
from ai_gateway_billing.rows.versions import hints
from ai_gateway_billing.usage import buckets
from ai_gateway_billing.usage.buckets import Buckets
from ai_gateway_billing.usage.load import UsageLoad
from ai_gateway_billing.usage.reading import WindowReader
from ai_gateway_billing.usage.windows import Grouping

from .errors import RecordError
from .extraction import OTHERS_BEGIN, Extraction, Jobs, Runs
from .merging import VERSIONS, date_versions, is_made, markers_go
from .outcome import Part

_GIVE_UP_AFTER = 3
"""After this many failed windows the rest of an account's usage waits for the next load."""


def resources(runs: Runs, include_sensitive: bool) -> Sequence[DltResource]:  # noqa: C901  # one page that shows them all
    """All resources. Those that are read together share a run."""

    @dlt.resource(name="usage_hourly", write_disposition="merge", columns=hints(TABLES["usage_hourly"]))
    def usage_hourly() -> Iterator[Any]:
        """One row per account, UTC hour and id. A re-read hour is replaced as a whole."""
        yield from _usage(runs.of("usage_hourly"), "hour")

    @dlt.resource(name="usage_daily", write_disposition="merge", columns=hints(TABLES["usage_daily"]))
    def usage_daily() -> Iterator[Any]:
        """One row per account, UTC day and id. A re-read day is replaced as a whole."""
        yield from _usage(runs.of("usage_daily"), "day")

    @dlt.resource(name="usage_coverage", write_disposition="merge", columns=hints(TABLES["usage_coverage"]))
    def usage_coverage() -> Iterator[Any]:
        """One row per account, grouping and UTC day that was read: until when completely."""
        run = runs.of("usage_coverage")
        yield None  # dlt turns to the usage resources, which then say that they are under way
        while run.usage_under_way:
            yield _taken(run.coverage) if len(run.coverage) >= arrow.BATCH_ROWS else None
        yield _taken(run.coverage)

    invoice_columns = columns_of("invoices", include_sensitive)

    @dlt.resource(name="invoices", write_disposition="merge", columns=hints(invoice_columns))
    def invoices() -> Iterator[Any]:
        """One row per account and invoice. The newest are read each time, all of them once a day."""
        tables = arrow.batches(_invoice_tables(runs.of("invoices"), invoice_columns))
        yield OTHERS_BEGIN
        yield from arrow.worth_loading(tables, invoice_columns, is_made("invoices", invoice_columns))

    @dlt.resource(
        name="invoice_preview",
        write_disposition=VERSIONS,
        file_format="parquet",
        columns=hints(TABLES["invoice_preview"]),
        nested_hints=versions.nested_hints("invoice_preview"),
    )
    def invoice_preview() -> Iterator[Any]:
        """One row per account and version of the running month's statement, with its lines and their credits."""
        yield from _snapshots(runs.of("invoice_preview"), "invoice_preview")

    balance_columns = columns_of("credit_balance", include_sensitive)

    @dlt.resource(
        name="credit_balance", write_disposition=VERSIONS, file_format="parquet", columns=hints(balance_columns)
    )
    def credit_balance() -> Iterator[Any]:
        """One row per account and version of its prepaid credit."""
        yield from _snapshots(runs.of("credit_balance"), "credit_balance")

    @dlt.resource(
        name="topup_config", write_disposition=VERSIONS, file_format="parquet", columns=hints(TABLES["topup_config"])
    )
    def topup_config() -> Iterator[Any]:
        """One row per account and version of its automatic top-up."""
        yield from _snapshots(runs.of("topup_config"), "topup_config")

    @dlt.resource(
        name="spending_limit",
        write_disposition=VERSIONS,
        file_format="parquet",
        columns=hints(TABLES["spending_limit"]),
    )
    def spending_limit() -> Iterator[Any]:
        """One row per account and version of its spending limit."""
        yield from _snapshots(runs.of("spending_limit"), "spending_limit")

    return (
        usage_hourly,
        usage_daily,
        usage_coverage,
        invoices,
        invoice_preview,
        credit_balance,
        topup_config,
        spending_limit,
    )


def _seen_types() -> dict[str, str]:
    """The type that each unknown field had when it first came, kept in dlt's state."""
    return cast(dict[str, str], dlt.current.resource_state().setdefault("unknown_fields", {}))


# --- usage ----------------------------------------------------------------------------------------------------------


def _usage(run: Extraction, grouping: Grouping) -> Iterator[Any]:
    run.usage_under_way.add(grouping)
    try:
        tables = _usage_tables(run, grouping) if grouping in run.groupings else ()
        table = buckets.TABLE[grouping]
        yield OTHERS_BEGIN
        yield from arrow.worth_loading(tables, TABLES[table], is_made(table, TABLES[table]))
    finally:
        run.usage_under_way.discard(grouping)


def _taken(coverage: list[Row]) -> pa.Table:
    """The rows, which nobody keeps then: those of many accounts would take more memory than all else."""
    taken = arrow.table(coverage, TABLES["usage_coverage"])
    coverage.clear()
    return taken


def _usage_tables(run: Extraction, grouping: Grouping) -> Iterator[pa.Table]:
    kept = dlt.current.resource_state()
    load = UsageLoad(
        grouping,
        run.extent,
        run.account_ids,
        state=kept.setdefault("cursors", {}),
        coverage=run.coverage,
        seen_until=run.seen_until,
        elapsed=_elapsed(kept, run),
    )
    reader = WindowReader(run.client, run.extent.now, run.include_sensitive)
    jobs = {
        account_id: [partial(reader.read, account_id, each) for each in own] for account_id, own in load.plan().items()
    }
    make = partial(_window, buckets.TABLE[grouping], _seen_types())
    tables = load.tables(run.each(buckets.TABLE[grouping], jobs, make, _GIVE_UP_AFTER))
    return tables if markers_go() else map(_without_markers, tables)


def _elapsed(kept: dict[str, Any], run: Extraction) -> timedelta:
    return turns.elapsed(kept, run.extent.now, len(run.account_ids), is_scheduled=run.extent.is_scheduled)


def _window(resource: str, seen_types: dict[str, str], account_id: str, found: Buckets) -> Part:
    del account_id  # the buckets know it
    columns = TABLES[resource]
    kinds: dict[str, str] = {}
    if isinstance(found.content, pa.Table):
        found = replace(found, content=arrow.settle(found.content, columns, seen_types))
        kinds = arrow.not_hinted(found.content, columns)
    rejected = [unknown.rejected(error, payload) for payload, error in found.rejected]
    return Part(found, {resource: found.rows}, rejected, unknown={resource: kinds})


def _without_markers(table: pa.Table) -> pa.Table:
    return table.filter(table["withdrawn"].is_null())


# --- invoices and versions ------------------------------------------------------------------------------------------


def _parts(run: Extraction, resource: str, jobs: Jobs[Any], make: Callable[[Reading, Any], Part]) -> Iterator[Any]:
    """What `make` gives dlt of the accounts' answers, without those that failed."""
    found = run.each(resource, jobs, lambda account_id, answer: make(run.reading(account_id), answer))
    return (content for _, content in found if content is not None)


def _invoice_tables(run: Extraction, columns: Columns) -> Iterator[pa.Table]:
    state = dlt.current.resource_state()
    if "accounts_without_ids" not in state:
        state["accounts_without_ids"] = stored.accounts_without_ids()
    for name in ("kinds", "newest"):
        state.setdefault(name, {})
    load = InvoiceLoad(
        columns,
        cast(State, state),
        stored.listed(),
        stored.invoices,
        _seen_types(),
        marks=markers_go(),
        elapsed=_elapsed(state, run),
    )
    reader, extent = InvoiceReader(run.client), run.extent
    jobs = load.jobs(reader, run.account_ids, extent.now, extent.full_refresh)
    return _parts(run, "invoices", jobs, load.part)


def _snapshots(run: Extraction, resource: str) -> Iterator[Any]:
    nothing = OF_RESOURCE[resource].nothing
    seen_types, marks = _seen_types(), markers_go()
    is_new = not is_made(resource, columns_of(resource, run.include_sensitive))
    current = stored.open_versions() if marks else {}

    def make(reading: Reading, answer: Any) -> Part:
        account_id = reading.account_id
        marker = [versions.withdrawn(account_id, resource, reading.now)] if marks else []
        if nothing and nothing.is_said_in(answer):
            is_news = account_id in current or is_new
            return Part(marker if is_news else [], skipped=nothing.words)
        try:
            row = records.row(resource, answer, reading)
        except RecordError as error:
            return Part(rejected=[unknown.rejected(error, answer)])
        counts, is_whole = versions.row_counts(resource, row), versions.reaches_every_table(resource, row)
        row = identity.identified(resource, row) if marks else row
        item, kinds = versions.hinted(resource, row, seen_types)
        content = [*([] if is_whole else marker), item]
        # dlt would find out that it has the version, and take its time; but what it makes anew may lack rows of it.
        if not is_new and row["_dlt_id"] == current.get(account_id):
            content, counts = [], dict.fromkeys(counts, 0)
        return Part(content, counts, told=reading.unreadable(), unknown=kinds)

    jobs = {account_id: [partial(run.client.snapshot, resource, account_id)] for account_id in run.account_ids}
    contents = _parts(run, resource, jobs, make)
    yield OTHERS_BEGIN
    for number, batch in enumerate(versions.batches(item for content in contents for item in content)):
        if marks and not number:
            date_versions(run)
        yield batch
    if is_new:
        yield dlt.mark.materialize_table_schema()  # last, so that `add_limit(1)` gives a row
