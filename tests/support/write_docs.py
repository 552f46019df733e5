"""Writes docs/TABLES.md, and the answers in docs/QUERIES.md, from what the code and the demo's account say.

`make docs` does it. tests/test_docs.py fails while a file is not what this would write.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.rows.tables import SENSITIVE, TABLES, Columns
from ai_gateway_billing_pipeline.database import storage, views
from support import field_cases

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUESTION = re.compile(r"```sql\n(?P<sql>.*?)```\n(?:\n(?P<answer>(?:\|[^\n]*\n)+))?", re.DOTALL)

HEAD = """# Tables and views

Everything in `billing.duckdb`. Raw tables, in schema `ai_gateway_billing`, contain what the API returned, with its
field names and units. Views, in schema `spend`, answer questions: major units, upper-case currencies, UTC days.
`make docs` builds this page from the column hints and the heads of the view files; the database has the same
descriptions as comments.

## How certain is that?

The API's documentation gives few units. Where needed, a column says how its meaning is known:

- **documented**: by Cloudflare, or by Stripe, whose meters and invoices the API passes on.
- **observed**: other programs that called the live API relied on it.
- **inferred**: follows from the above; not confirmed.
- **unknown**: stored as sent; do not rely on it.

Amounts of usage in the views are as certain as the unit of `aggregated_value`, which is inferred: `spend.usage_unit`
stores it, `AIG_BILLING_USAGE_UNIT` sets it, and `spend.reconciliation` shows whether it fits. A column whose
description begins with "estimate" is calculated, not reported by the API.
"""
RAW_HEAD = """## Raw tables

Schema `ai_gateway_billing`. dlt adds `_dlt_load_id`, `_dlt_id` and, to versions, `_dlt_valid_from` and `_dlt_valid_to`,
which is NULL in the current version. Fields that the API adds become new columns.
"""
CASES_HEAD = """## When a field is not as documented

A field that is missing, null or holds something else never becomes a zero or a guess. Each is declared once, and this
table follows from there:

- **refused**: the row is stored in `quarantine`, and its resource fails for that account (exit code 4). A usage bucket
  keeps its old value and is read again; a preview, a balance or a setting keeps its version.
- **NULL, told**: the row is loaded with NULL there. A warning is logged, a row in `quarantine` shows what was sent, and
  `check` warns until an answer is correct again; nothing fails.
- **NULL**: as documented, or 0 for a time that may never have been set. There is no warning.
- **kept**: stored as sent. An empty invoice id counts as none.

An informational time that comes as text (Unix time in digits, or a date, UTC unless it names a zone) is read, with a
warning. Out of range are a bucket's usage of 10^10 and more (100 million dollars), amounts of 10^12 and more (10
billion), and quantities of 10^16 and more, either way from zero: the views could not add them up. So are counts beyond
BIGINT, and times before 2020 or over two years ahead. Everything else keeps all its digits; those beyond the
eighteenth decimal place are rounded half to even.
"""
VIEWS_HEAD = """## Views

Schema `spend`. Every amount is DECIMAL(38,10) in major units; nothing is converted between currencies. What a raw table
says is rounded to 10 places row by row, half to even, and then only added up, so hours make days and days months to
the last digit; the raw tables keep all digits. This leaves room to calculate: `amount * amount` works below a billion,
and `amount * rate::decimal(38, 18)` while the product is below ten billion. Above, DuckDB says that it does not fit.
No answer depends on the session's time zone or on the moment of asking: "now" is the last load. `daily_in` is a table
macro; in a database that was attached, `use` it first.
"""
STORAGE = f"""## The file

`billing.duckdb` has storage version {storage.VERSION}, whatever DuckDB a load runs with, so that DuckDB 1.1 and every
later one opens it, and with them the Node, WebAssembly and JDBC clients and the programs that are built on those. Its
views and macros use nothing that DuckDB 1.1 does not support. The next load converts a file of another storage version,
with everything in it. If it contains something that only a newer version can store, such as a column of a new type in a
table of your own, the file keeps its version, and the load says so.

`copy from database billing to other` copies the whole database. `export database` followed by `import database` does
not: DuckDB writes views in the order of their names and then fails at the first view that reads a later one.
"""


class Table(NamedTuple):
    """What a raw table's hints do not say: what a row is, what names it, and how a load writes it."""

    grain: str
    key: str
    written: str


_BUCKETS = "merge: a bucket that is read again is replaced as a whole, and removed when the API no longer returns it"
_VERSIONS = (
    "versions (scd2): a changed answer closes the old row with `_dlt_valid_to` and opens a new one; one that differs "
    "only in order, letter case, blanks, the spelling of numbers or the API's ids is no change"
)
_CHILD = "with its parent: a version that comes back has its old id again, and its children are not stored twice"
_HOURS = "merge: an hour that is read again is replaced as a whole; the last four days are read by every load"
_WITH_ATTRIBUTION = ". Only there with attribution"
RAW = {
    "usage_hourly": Table("account, UTC hour and id", "`account_id`, `bucket_start`, `id`", _BUCKETS),
    "usage_daily": Table("account, UTC day and id", "`account_id`, `bucket_start`, `id`", _BUCKETS),
    "usage_coverage": Table("account, grouping and UTC day that was read", "`account_id`, `grouping`, `day`", "merge"),
    "invoices": Table(
        "account and invoice",
        "`account_id`, `id`",
        "merge: the newest are read by every load, all of them once in 24 hours",
    ),
    "invoice_preview": Table("account and version of the preview", "`account_id`, `_dlt_valid_from`", _VERSIONS),
    "invoice_preview__invoice_lines": Table(
        "line of a version of the preview", "`_dlt_id`; parent: `_dlt_parent_id`", _CHILD
    ),
    "invoice_preview__invoice_lines__pretax_credit_amounts": Table(
        "credit of a line", "`_dlt_id`; parent: `_dlt_parent_id`", _CHILD
    ),
    "credit_balance": Table("account and version of its credit", "`account_id`, `_dlt_valid_from`", _VERSIONS),
    "topup_config": Table("account and version of its automatic top-up", "`account_id`, `_dlt_valid_from`", _VERSIONS),
    "spending_limit": Table("account and version of its limit", "`account_id`, `_dlt_valid_from`", _VERSIONS),
    "gateway_usage_hourly": Table(
        "account, UTC hour, gateway, provider, model and wholesale", "all of these", _HOURS + _WITH_ATTRIBUTION
    ),
    "gateway_usage_tags_hourly": Table(
        "the same, tag and value; empty unless `attribution_tags` is set", "all of these", _HOURS + _WITH_ATTRIBUTION
    ),
    "gateway_usage_gaps": Table(
        "account, table and stretch of hours that no load read in time",
        "`account_id`, `resource`, `gap_start`",
        "merge" + _WITH_ATTRIBUTION,
    ),
    "gateways": Table(
        "account, gateway and version of its settings", "`account_id`, `gateway`, `_dlt_valid_from`", _VERSIONS
    ),
    "gateways__spend_limit_rules": Table(
        "spend limit of a version of a gateway", "`_dlt_id`; parent: `_dlt_parent_id`", _CHILD
    ),
}

OWN = {
    "load_status": (
        Table("account and resource", "`account_id`, `resource`", "by every load: how its last attempt ended"),
        {
            "account_id": "Cloudflare account id",
            "resource": "Name of the resource",
            "status": "How the last attempt ended",
            "error": "Error message",
            "skipped": "Why there was nothing to read",
            "last_attempt_at": "When it was last tried, UTC",
            "last_success_at": "When it last succeeded, UTC",
            "last_listed_at": "The last load that the API listed the account to, or let read it if named, UTC",
        },
    ),
    "account_names": (
        Table("account that has a name", "`account_id`", "by every load: names as last heard, aliases as set"),
        {
            "account_id": "Cloudflare account id",
            "name": "Its name at Cloudflare, as sent; often a mail address is part of it",
            "alias": "Its name in the settings of the last load",
            "named_at": "When the API first told this name, UTC",
        },
    ),
    "quarantine": (
        Table(
            "raw item or field that does not match the documentation",
            "all columns but the times",
            "by every load; cleared by a success",
        ),
        {
            "account_id": "Cloudflare account id",
            "resource": "Name of the resource",
            "field": "The field that does not match the documentation",
            "reason": "What is wrong with it",
            "payload": "The item as JSON, without anything sensitive; the field alone when its row was loaded",
            "first_seen_at": "When it was first seen, UTC",
            "last_seen_at": "When it was last seen, UTC",
            "withdrawn": "Always NULL here: during a load it marks what was released",
        },
    ),
    "budgets": (
        Table("budget of the settings", "`name`", "by every load: those of before are replaced"),
        {
            "name": "Its name in the settings",
            "amount": "What may be spent in a period, in major units (dollars) of `currency`",
            "currency": "ISO 4217 code, upper case",
            "period": "`day`, `week` or `month`",
            "accounts": "Ids or names of the accounts it is for, one a line; NULL for all",
            "model": "The model it is for; NULL for all spend",
            "thresholds": "Per cent of the amount at which it warns, rising, with commas",
        },
    ),
    "usage_reported": (
        Table(
            "account, grouping, period and its first day",
            "`account_id`, `grouping`, `period`, `starts`",
            "by every load: periods that have become complete, and sums that changed since",
        ),
        {
            "account_id": "Cloudflare account id",
            "grouping": "`hour` or `day`: the usage table that is summed",
            "period": "`day` or `month`",
            "starts": "First UTC day of the period",
            "first_usage": "Sum of aggregated_value when the period was first read completely, in its unit",
            "first_seen_at": "When that was, UTC; for what was complete before this table was kept, when that began",
            "last_usage": "The same sum as the newest load knows it",
            "last_seen_at": "When a load first saw last_usage, UTC",
        },
    ),
    "load_settings": (
        Table("the database", "none", "by every load"),
        {
            "usage_unit": "The unit of `aggregated_value` by the load's settings: cents or dollars",
            "written_by": "The version of this program that loaded last",
        },
    ),
    "shard_accounts": (
        Table("account", "`account_id`", "by the first load of an account, and by `load --take-over`"),
        {
            "account_id": "Cloudflare account id",
            "shard": "The shard that loads it; empty for the load without one",
            "since": "When it became that shard's, UTC",
        },
    ),
    "unknown_fields": (
        Table("undocumented field", "`table_name`, `field`", "by every load that meets a new one"),
        {
            "table_name": "The raw table that has it as a column",
            "field": "The column",
            "data_type": "The type that it was given",
            "first_seen_at": "When it was first seen, UTC",
        },
    ),
}

ALERTS = {
    "alerts": (
        Table("finding of `check` that was ever to be told", "`id`", "by a load or check that tells somebody"),
        {
            "id": "The id of the finding, as `check` shows it",
            "check_name": "The check that found it",
            "severity": "`error`, `warning` or `info`",
            "account_id": "Cloudflare account id; empty where it is of no single one",
            "finding": "What was found, as a sentence",
            "first_seen_at": "Since when it is there, UTC",
            "gone_at": "When it was gone, UTC; NULL while it is there. Its row goes 35 days later",
        },
    ),
    "alert_notices": (
        Table("finding and address that was told of it", "`id`, `address`", "with `alerts`, before and after sending"),
        {
            "id": "The id of the finding",
            "account_id": "Cloudflare account id",
            "address": "The service's name and a digest that does not tell the address",
            "steps": "What it was told of, such as severities and thresholds, as a JSON list",
            "told_at": "When it was last told, UTC; NULL when nothing was told for sure",
            "is_over": "Whether it was told that the finding is gone",
            "claimed_at": "Since when a process means to tell more, UTC",
        },
    ),
    "_accepted_findings": (
        Table("finding that somebody accepted", "`id`", "by `check --accept`"),
        {
            "id": "The id of the finding",
            "check_name": "The check that found it",
            "account_id": "Cloudflare account id",
            "finding": "What was found, as it was accepted",
            "accepted_at": "When it was accepted, UTC",
            "reached": "The steps that it had reached, as a JSON list: a further one is not accepted",
        },
    ),
}
"""Tables that are there once somebody was told or something was accepted."""

_AMOUNTS = ("amount_due", "amount_paid", "amount_remaining")
CERTAINTY = {
    **{(table, name): "observed" for table in ("invoices", "invoice_preview") for name in _AMOUNTS},
    **{(table, "aggregated_value"): "inferred: cents; not documented" for table in ("usage_hourly", "usage_daily")},
    **{(table, "start_time"): "documented" for table in ("usage_hourly", "usage_daily")},
    **{(table, "end_time"): "documented; that it is exclusive, by Stripe" for table in ("usage_hourly", "usage_daily")},
    **{(table, "id"): "unknown whether it stays the same" for table in ("usage_hourly", "usage_daily")},
    **{
        (table, prefix + name): "documented for writing, observed for reading"
        for table, prefix in (("topup_config", ""), ("credit_balance", "topup_config__"))
        for name in ("amount", "threshold")
    },
    **{
        (table, prefix + "last_failed_at"): "unknown unit: inferred from its size"
        for table, prefix in (("topup_config", ""), ("credit_balance", "topup_config__"))
    },
    ("invoices", "created"): "observed",
    ("invoices", "id"): "documented: may be missing",
    ("invoices", "status"): "documented as free text; the values are Stripe's",
    ("invoices", "currency"): "unknown case",
    ("invoices", "invoice_origin"): "unknown values",
    ("invoice_preview", "period_start"): "inferred",
    ("invoice_preview", "period_end"): "inferred",
    ("invoice_preview", "status"): "documented",
    ("invoice_preview__invoice_lines", "description"): "observed: names the model",
    ("invoice_preview__invoice_lines", "amount"): "observed",
    ("invoice_preview__invoice_lines", "quantity"): "unknown unit",
    ("invoice_preview__invoice_lines", "pricing__unit_amount_decimal"): "unknown unit",
    ("invoice_preview__invoice_lines__pretax_credit_amounts", "amount"): "inferred",
    ("credit_balance", "balance"): "observed",
    ("spending_limit", "config__amount"): "documented",
}
"""How the meaning of a raw column is known, where it is not plain."""

_TYPES = {
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "bool": "BOOLEAN",
    "bigint": "BIGINT",
    "date": "DATE",
    "decimal": "DECIMAL(38,18)",
}


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Container[str] = ()) -> str:
    """A Markdown table, the columns of `numbers` flush right."""
    lines = [head, ["---:" if name in numbers else "---" for name in head], *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def tables(connection: duckdb.DuckDBPyConnection) -> str:
    """docs/TABLES.md, with the types that a loaded database has."""
    parts = [*_raw_tables(), *_field_cases(), *_own_tables(), *_views(connection)]
    return "\n".join([HEAD, *parts, STORAGE.removesuffix("\n")])


def _raw_tables() -> Iterator[str]:
    yield RAW_HEAD
    for table, hints in TABLES.items():
        about = RAW[table]
        yield f"### {table}\n\nOne row per {about.grain}. Key: {about.key}. Written: {about.written}.\n"
        yield grid(["column", "type", "NULL", "meaning", "certainty"], raw_columns(table, hints))
    yield "### Only with `include_sensitive`\n"
    yield grid(
        ["table", "column", "type", "meaning"],
        [
            [table, f"`{name}`", _TYPES[hint["data_type"]], hint["description"]]
            for table, hints in SENSITIVE.items()
            for name, hint in hints.items()
        ],
    )


def raw_columns(table: str, hints: Columns) -> Iterator[list[str]]:
    """Each column as a line of its table's grid."""
    for name, hint in hints.items():
        null = "yes" if hint["nullable"] else "no"
        meaning = hint["description"]
        yield [f"`{name}`", _TYPES[hint["data_type"]], null, meaning, CERTAINTY.get((table, name), "")]


def _field_cases() -> Iterator[str]:
    yield CASES_HEAD
    head = ["table", "field as sent", *field_cases.CASES]
    yield grid(
        head,
        [[each.table, f"`{each.path}`", *map(each.outcome, field_cases.CASES)] for each in field_cases.declared()],
    )


def _own_tables() -> Iterator[str]:
    yield "## Tables about the loads\n\nAlso in schema `ai_gateway_billing`; written by the load, not by the API.\n"
    yield from _described(OWN)
    yield "## Tables about findings\n\nIn the same schema, once somebody was told of a finding, or accepted one.\n"
    yield from _described(ALERTS)


def _described(own: Mapping[str, tuple[Table, Mapping[str, str]]]) -> Iterator[str]:
    for table, (about, columns) in own.items():
        yield f"### {table}\n\nOne row per {about.grain}. Key: {about.key}. Written: {about.written}.\n"
        yield grid(["column", "meaning"], [[f"`{name}`", meaning] for name, meaning in columns.items()])


def _views(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    yield VIEWS_HEAD
    yield f"### usage_unit\n\n{views.USAGE_UNIT}\n"
    yield grid(["column", "type", "meaning"], [["`unit`", "VARCHAR", views.UNIT]])
    for name in views.VIEWS:
        view = views.definition(name)
        called = f"spend.{name}('UTC')" if name in views.MACROS else f"spend.{name}"
        kinds = {
            column: str(kind) for column, kind, *_ in connection.execute(f"describe select * from {called}").fetchall()
        }
        yield f"### {name}\n\n{_sentence(view.contract)}\n"
        yield grid(
            ["column", "type", "meaning"],
            [[f"`{column}`", kinds[column], text] for column, text in view.columns.items()],
        )
        if view.notes:
            yield view.notes + "\n"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] if text.startswith("one row") else f"`{text.replace(':', '`:', 1)}"


def queries(text: str, connection: duckdb.DuckDBPyConnection) -> str:
    """docs/QUERIES.md with the answer that each of its queries has now."""

    def answered(found: re.Match[str]) -> str:
        return f"```sql\n{found['sql']}```\n\n{answer(connection, found['sql'])}"

    return QUESTION.sub(answered, text)


def answer(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """A query's rows as a Markdown table. The demo's one account goes without saying."""
    cursor = connection.execute(sql)
    columns = [column[0] for column in cursor.description]
    kept = [place for place, name in enumerate(columns) if name != "account_id"]
    found = cursor.fetchall()
    rows = [[cell(row[place]) for place in kept] for row in found]
    numbers = {columns[place] for place in kept if any(type(row[place]) in (int, Decimal) for row in found)}
    return grid([columns[place] for place in kept], rows, numbers)


def cell(value: Any) -> str:
    """A value as a reader wants it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
        case _:
            return str(value)


def main() -> None:
    """Write both files."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    from support.simulated import demo_account

    with tempfile.TemporaryDirectory() as folder:
        connection = demo_account(Path(folder)).published
        (DOCS / "TABLES.md").write_text(tables(connection), "utf-8")
        page = DOCS / "QUERIES.md"
        page.write_text(queries(page.read_text("utf-8"), connection), "utf-8")


if __name__ == "__main__":
    main()
