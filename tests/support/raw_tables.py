"""Small databases as a load would leave them: raw tables with a few rows, and the views on top."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing_pipeline.database import views
from support.constants import ACCOUNT

Row = dict[str, Any]

_TYPES = {
    "text": "varchar",
    "decimal": "decimal(38, 18)",
    "timestamp": "timestamptz",
    "bool": "boolean",
    "bigint": "bigint",
    "date": "date",
}
_DLT = {
    "_dlt_valid_from": "timestamptz",
    "_dlt_valid_to": "timestamptz",
    "_dlt_parent_id": "varchar",
    "_dlt_list_idx": "bigint",
    "_dlt_id": "varchar",
}


def at(text: str) -> datetime:
    """`2026-11-01` or `2026-11-01T12:30`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def used(day: str, cents: str, account_id: str = ACCOUNT, *, hour: int | None = None) -> Row:
    """A bucket of `usage_daily`, or of `usage_hourly` when an hour is named."""
    start = at(day) + timedelta(hours=hour or 0)
    end = start + timedelta(days=1) if hour is None else start + timedelta(hours=1)
    return {
        "account_id": account_id,
        "bucket_start": start,
        "start_time": start,
        "end_time": end,
        "id": f"{account_id[0]} {start} {end}",
        "aggregated_value": Decimal(cents),
    }


def covered(day: str, grouping: str, account_id: str = ACCOUNT, *, read_at: str = "2027-12-01") -> Row:
    """A day that was read completely."""
    first = date.fromisoformat(day)
    end = at(day) + timedelta(days=1)
    return {
        "account_id": account_id,
        "grouping": grouping,
        "day": first,
        "read_until": end,
        "read_at": at(read_at),
    }


def named(account_id: str, name: str | None, alias: str | None = None) -> Row:
    """What an account is called."""
    return {"account_id": account_id, "name": name, "alias": alias}


def invoice(created: str | None, status: str | None = "paid", due: str = "1050", **fields: Any) -> Row:
    """An invoice; paid in full when its status says so, else not at all."""
    paid = due if status == "paid" else "0"
    row = {
        "account_id": ACCOUNT,
        "id": f"in_{created}_{status}_{due}",
        "created": None if created is None else at(created),
        "status": status,
        "currency": "usd",
        "amount_due": Decimal(due),
        "amount_paid": Decimal(paid),
        "amount_remaining": Decimal(due) - Decimal(paid),
        "description": "AI Gateway credits",
        "invoice_origin": "manual",
        "has_surrogate_id": False,
        "last_listed_at": at("2027-12-01"),
    }
    return row | fields


def preview(start: str, end: str, seen: str, currency: str = "usd", account_id: str = ACCOUNT) -> Row:
    """A version of the invoice preview, without lines."""
    nothing = dict.fromkeys(("amount_due", "amount_paid", "amount_remaining"), Decimal(0))
    period = {"period_start": at(start), "period_end": at(end), "_dlt_valid_from": at(seen)}
    return {"account_id": account_id, "id": seen, "status": "draft", "currency": currency, **nothing, **period}


@contextmanager
def machine_in(zone: str) -> Iterator[None]:
    """While this lasts, the process lives in another time zone."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()


def database(folder: Path, *, usage_unit: str = "cents", **tables: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    """`billing.duckdb` in the folder, with these rows and every view."""
    path = folder / "billing.duckdb"
    path.write_bytes(_empty(usage_unit))
    connection = duckdb.connect(str(path))
    connection.execute("set timezone = 'UTC'")
    fill(connection, **tables)
    return connection


def fill(connection: duckdb.DuckDBPyConnection, **tables: Sequence[Row]) -> None:
    """Put these rows in place of all that a table holds."""
    for table, rows in tables.items():
        connection.execute(f"delete from ai_gateway_billing.{table}")
        for row in rows:
            named = ", ".join(f"${name}" for name in row)
            connection.execute(f"insert into ai_gateway_billing.{table} ({', '.join(row)}) values ({named})", row)


@cache
def _empty(usage_unit: str) -> bytes:
    """The file without rows: making every view takes longer than any test of them."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "billing.duckdb")
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema ai_gateway_billing")
            for table, hints in TABLES.items():
                columns = {name: _TYPES[hint["data_type"]] for name, hint in hints.items()} | _DLT
                declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
                connection.execute(f"create table ai_gateway_billing.{table} ({declared})")
            names = "account_id varchar, name varchar, alias varchar, named_at timestamptz"
            connection.execute(f"create table ai_gateway_billing.account_names ({names})")
            reported = (
                'account_id varchar, "grouping" varchar, period varchar, starts date, first_usage decimal(38, 18), '
                "first_seen_at timestamptz, last_usage decimal(38, 18), last_seen_at timestamptz"
            )
            connection.execute(f"create table ai_gateway_billing.usage_reported ({reported})")
            texts = ", ".join(
                f"{name} varchar" for name in ("name", "currency", "period", "accounts", "model", "thresholds")
            )
            connection.execute(f"create table ai_gateway_billing.budgets ({texts}, amount decimal(38, 18))")
            views.apply(connection, usage_unit)
        return path.read_bytes()
