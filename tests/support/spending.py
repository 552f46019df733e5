"""Two accounts of a few days for whoever answers: one in dollars with a day unread and one cut short, one in euros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from support.constants import ACCOUNT, OTHER
from support.raw_tables import Row, at, covered, database, invoice, named, preview, used

READ_AT = "2026-11-22T10:30"
DAYS = ("2026-11-18", "2026-11-19", "2026-11-21", "2026-11-22")
UNTIL = {"2026-11-21": "2026-11-21T12:00", "2026-11-22": "2026-11-22T10:00"}


def read(day: str, account_id: str = ACCOUNT) -> Row:
    """The hours of a day, as far as they were read."""
    end = {"read_until": at(UNTIL[day])} if day in UNTIL else {}
    return covered(day, "hour", account_id, read_at=READ_AT) | end


def lines(start: str, end: str, currency: str, account_id: str, **models: str) -> tuple[Row, list[Row]]:
    """A version of the preview with a line for each model, in cents."""
    version = preview(start, end, READ_AT, currency, account_id) | {"_dlt_id": f"{account_id[0]}{start}"}
    shown = [
        {
            "account_id": account_id, "_dlt_parent_id": version["_dlt_id"], "_dlt_id": f"{version['_dlt_id']}{n}",
            "_dlt_list_idx": n, "description": f"openai/{model}", "amount": cents, "currency": currency,
        }
        for n, (model, cents) in enumerate(models.items())
    ]  # fmt: skip
    return version, shown


def two_accounts(folder: Path, **tables: Any) -> duckdb.DuckDBPyConnection:
    """At `NOW`: ACCOUNT spent 1 dollar a day, of which the 20th was never read; OTHER 50 cents, of euros."""
    dollars, of_dollars = lines("2026-11-01", "2026-12-01", "usd", ACCOUNT, large="300", small="0.25")
    euros, of_euros = lines("2026-11-01", "2026-12-01", "eur", OTHER, large="100")
    rows: dict[str, Any] = {
        "usage_hourly": [
            *(used(day, "100", hour=3) for day in DAYS),
            *(used(day, "50", OTHER, hour=3) for day in DAYS[2:]),
        ],
        "usage_coverage": [*map(read, DAYS), *(read(day, OTHER) for day in DAYS[2:])],
        "invoice_preview": [dollars, euros],
        "invoice_preview__invoice_lines": [*of_dollars, *of_euros],
        "invoices": [
            invoice("2026-11-02", "paid", "5250", kind="purchase_auto", last_listed_at=at(READ_AT)),
            invoice("2026-11-12", "open", "1050", kind="purchase_manual", last_listed_at=at(READ_AT)),
            invoice("2026-11-15", "draft", "700", kind="usage", account_id=OTHER, currency="eur",
                    last_listed_at=at(READ_AT)),
        ],
        "credit_balance": [
            {"account_id": account, "balance": cents, "_dlt_valid_from": at("2026-11-20"), "_dlt_id": account}
            for account, cents in ((ACCOUNT, "2000"), (OTHER, "-5"))
        ],
        "account_names": [named(ACCOUNT, "ann@example.com's Account", "Research"), named(OTHER, "Production")],
    }  # fmt: skip
    return database(folder, **(rows | tables))
