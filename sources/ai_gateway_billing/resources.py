"""The dlt source `ai_gateway_billing`: every resource with its grain, key, write disposition and cursor."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import dlt
import pyarrow as pa
from dlt.common.schema.typing import TScd2StrategyDict
from dlt.extract import DltResource

from ai_gateway_billing.rows import arrow, records, unknown, versions
from ai_gateway_billing.rows.fields import Columns
from ai_gateway_billing.rows.records import Reading, Row
from ai_gateway_billing.rows.tables import TABLES, columns_of
from ai_gateway_billing.rows.versions import hints
from ai_gateway_billing.usage import buckets
from ai_gateway_billing.usage.load import UsageLoad
from ai_gateway_billing.usage.windows import Grouping

from .errors import BillingError, RecordError
from .extraction import Reader

# A version of an account ends when the account's new answer differs or says that there is nothing (`withdrawn`).
# Accounts that were not read this time are out of scope, so a failed endpoint closes nothing.
VERSIONS: TScd2StrategyDict = {
    "disposition": "merge",
    "strategy": "scd2",
    "source_filter": "withdrawn IS NULL",
    "destination_scope": "account_id IN (SELECT account_id FROM {staging_table})",
}


def resources(reader: Reader) -> Sequence[DltResource]:  # noqa: C901  # one page that shows them all
    """All resources, reading through one `Reader`."""

    @dlt.resource(name="usage_hourly", write_disposition="merge", columns=hints(TABLES["usage_hourly"]))
    def usage_hourly() -> Iterator[Any]:
        """One row per account, UTC hour and id. A re-read hour is replaced as a whole."""
        yield from _usage(reader, "hour")

    @dlt.resource(name="usage_daily", write_disposition="merge", columns=hints(TABLES["usage_daily"]))
    def usage_daily() -> Iterator[Any]:
        """One row per account, UTC day and id. A re-read day is replaced as a whole."""
        yield from _usage(reader, "day")

    @dlt.resource(name="usage_coverage", write_disposition="merge", columns=hints(TABLES["usage_coverage"]))
    def usage_coverage() -> Iterator[Any]:
        """One row per account, grouping and UTC day that was read: until when completely."""
        yield None  # dlt turns to the usage resources, which then say that they are under way
        while reader.usage_under_way:
            yield None
        yield arrow.table(reader.coverage, TABLES["usage_coverage"])

    invoice_columns = columns_of("invoices", reader.include_sensitive)

    @dlt.resource(name="invoices", write_disposition="merge", columns=hints(invoice_columns))
    def invoices() -> Iterator[Any]:
        """One row per account and invoice. All pages are read each time, because old invoices change."""
        tables = arrow.batches(_invoice_tables(reader, invoice_columns))
        yield from arrow.at_least_one(tables, invoice_columns)

    @dlt.resource(
        name="invoice_preview",
        write_disposition=VERSIONS,
        file_format="parquet",
        columns=hints(TABLES["invoice_preview"]),
        nested_hints=versions.nested_hints("invoice_preview"),
    )
    def invoice_preview() -> Iterator[Any]:
        """One row per account and version of the running month's statement, with its lines and their credits."""
        yield from _snapshots(reader, "invoice_preview", reader.client.invoice_preview, records.invoice_preview)

    balance_columns = columns_of("credit_balance", reader.include_sensitive)

    @dlt.resource(
        name="credit_balance", write_disposition=VERSIONS, file_format="parquet", columns=hints(balance_columns)
    )
    def credit_balance() -> Iterator[Any]:
        """One row per account and version of its prepaid credit."""
        yield from _snapshots(reader, "credit_balance", reader.client.credit_balance, records.credit_balance)

    @dlt.resource(
        name="topup_config", write_disposition=VERSIONS, file_format="parquet", columns=hints(TABLES["topup_config"])
    )
    def topup_config() -> Iterator[Any]:
        """One row per account and version of its automatic top-up."""
        yield from _snapshots(reader, "topup_config", reader.client.topup_config, records.topup_config)

    @dlt.resource(
        name="spending_limit",
        write_disposition=VERSIONS,
        file_format="parquet",
        columns=hints(TABLES["spending_limit"]),
    )
    def spending_limit() -> Iterator[Any]:
        """One row per account and version of its spending limit."""
        yield from _snapshots(reader, "spending_limit", reader.client.spending_limit, records.spending_limit)

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


def _usage(reader: Reader, grouping: Grouping) -> Iterator[Any]:
    reader.usage_under_way.add(grouping)
    try:
        tables = _usage_tables(reader, grouping) if grouping in reader.groupings else ()
        yield from arrow.at_least_one(tables, TABLES[buckets.TABLE[grouping]])
    finally:
        reader.usage_under_way.discard(grouping)


def _usage_tables(reader: Reader, grouping: Grouping) -> Iterator[pa.Table]:
    state = dlt.current.resource_state().setdefault("cursors", {})
    yield from UsageLoad(reader, grouping, state, _seen_types()).tables()
    _raise_if_all_failed(reader, buckets.TABLE[grouping])


def _each(reader: Reader, resource: str, ask: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
    """The answers of all accounts that gave one; the others are reported."""
    for account_id in reader.account_ids:
        reader.report.plan(account_id, resource, 1)
    for account_id, answer in reader.of_each_account(ask):
        if isinstance(answer, BillingError):
            reader.report.fail(account_id, resource, answer)
        else:
            yield account_id, answer
        reader.report.step(account_id, resource)
    _raise_if_all_failed(reader, resource)


def _raise_if_all_failed(reader: Reader, resource: str) -> None:
    outcomes = [reader.report.outcomes.get((account_id, resource)) for account_id in reader.account_ids]
    errors = [outcome.error for outcome in outcomes if outcome and outcome.error]
    if reader.strict and errors and len(errors) == len(outcomes):
        raise errors[0]


def _invoice_tables(reader: Reader, columns: Columns) -> Iterator[pa.Table]:
    for account_id, answer in _each(reader, "invoices", reader.client.invoice_history):
        rows = _accepted(reader, account_id, answer, records.invoice)
        table = arrow.open_table(rows, columns, _seen_types())
        reader.report.saw("invoices", arrow.not_hinted(table, columns))
        reader.report.rows["invoices"] += table.num_rows
        yield table


def _accepted(reader: Reader, account_id: str, items: list[Any], convert: Callable[[Any, Reading], Row]) -> list[Row]:
    rows = []
    for item in items:
        try:
            rows.append(convert(item, reader.reading(account_id)))
        except RecordError as error:
            _reject(reader, account_id, error.resource, error, item)
    return rows


def _reject(reader: Reader, account_id: str, resource: str, error: RecordError, payload: Any) -> None:
    reader.report.fail(account_id, resource, error)
    reader.report.reject(account_id, error, unknown.as_json(unknown.redacted(payload)))


_NOTHING = {
    "invoice_preview": "nothing to preview",
    "spending_limit": "no manual top-up yet, so there is no spending limit",
}


def _snapshots(
    reader: Reader, resource: str, ask: Callable[[str], Any], convert: Callable[[Any, Reading], Row]
) -> Iterator[Any]:
    yield from versions.batches(_snapshot_rows(reader, resource, ask, convert))
    yield dlt.mark.materialize_table_schema()  # last, so that `add_limit(1)` gives a row


def _snapshot_rows(
    reader: Reader, resource: str, ask: Callable[[str], Any], convert: Callable[[Any, Reading], Row]
) -> Iterator[Any]:
    for account_id, answer in _each(reader, resource, ask):
        if answer is None or (resource == "invoice_preview" and answer.get("invoice_lines") == []):
            reader.report.skip(account_id, resource, _NOTHING[resource])
            yield versions.withdrawn(account_id, resource, reader.now)
            continue
        try:
            row = convert(answer, reader.reading(account_id))
        except RecordError as error:
            _reject(reader, account_id, resource, error, answer)
            continue
        if not versions.reaches_every_table(resource, row):
            yield versions.withdrawn(account_id, resource, reader.now)
        reader.report.rows.update(versions.row_counts(resource, row))
        yield versions.hinted(reader.report, resource, row, _seen_types())
