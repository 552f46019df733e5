"""What the notebooks and the report show, asked of schema `spend`: one function per question, its SQL in sql/.

Amounts are exact `Decimal` in major units; charts make floats of them at the very end. Whatever is unknown has no row,
so that an empty or one-day-old account answers with few rows or none, never with an error.
"""

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

import duckdb

from ai_gateway_billing.errors import redact
from ai_gateway_billing_pipeline.database.scope import ALL, Days, Row, fetch

LARGEST = 6
"""Models that are named; the rest is one of `OTHER_MODELS`."""
OTHER_MODELS = "other models"
_FREE_TEXT = {"gateway", "model", "description", "status", "origin", "auto_topup_reason"}


def accounts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The ids of all accounts, by currency, the one that spent most first."""
    return [row["account_id"] for row in _ask(connection, "accounts")]


def name(connection: duckdb.DuckDBPyConnection, account: str) -> str | None:
    """What the account is called, if known: free text, not unique."""
    return next((row["account_name"] for row in _ask(connection, "name", account=account)), None)


def overview(connection: duckdb.DuckDBPyConnection, accounts: Sequence[str]) -> list[Row]:
    """A row per account with its month and its credit, and after those of a currency one with their sums."""
    return _ask(connection, "overview", list(accounts))


def largest_account(connection: duckdb.DuckDBPyConnection) -> str:
    """The first of `accounts`. An empty string, of which nothing is known, when there is none."""
    return next(iter(accounts(connection)), "")


def runway(connection: duckdb.DuckDBPyConnection, account: str) -> Row | None:
    """The account's row of `spend.runway`, None when nothing is known of the account."""
    return next(iter(_ask(connection, "runway", account)), None)


def per_day(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per known day with the mean of its seven days, by default of the last 60."""
    return _ask(connection, "per_day", account, days)


def per_month(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per month, by default of the last 13; `forecast` of the running one alone."""
    return _ask(connection, "per_month", account, days)


def per_model(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per currency and model of the newest billing month, the most expensive first; `OTHER_MODELS` last."""
    rows = _ask(connection, "per_model", account, days)
    return [row for currency in sorted({row["currency"] for row in rows}) for row in _shortened(rows, currency)]


def _shortened(rows: Iterable[Row], currency: str) -> list[Row]:
    some = [row for row in rows if row["currency"] == currency]
    named, rest = some[:LARGEST], some[LARGEST:]
    if len(rest) > 1:
        sums = {name: sum(row[name] or 0 for row in rest) for name in ("gross", "credits", "net", "share")}
        rest = [{**rest[0], **sums, "model": OTHER_MODELS}]
    return named + rest


def per_model_and_day(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per UTC day and model, an estimate; models beyond `LARGEST` are one."""
    rows = _ask(connection, "per_model_and_day", account, days)
    largest = _largest(rows)
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        is_named = row["model"] in largest[row["currency"]]
        model = row["model"] if is_named else OTHER_MODELS
        into = sums.setdefault((row["day"], row["currency"], model), {**row, "model": model, "gross": 0})
        into["gross"] += row["gross"]
        into["is_estimate"] |= row["is_estimate"]
    return list(sums.values())


def per_gateway(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per currency and gateway with its share of the bill, an estimate, by default of the last 30 days.

    What has no estimate stands last. No row where the analytics told nothing of these days.
    """
    rows = _ask(connection, "per_gateway", account, days)
    return rows if any(row["is_attributed"] for row in rows) else []


def expensive_hours(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """The ten hours that cost most, by default of the last 60 days."""
    return _ask(connection, "expensive_hours", account, days)


def balances(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per version of the prepaid credit, oldest first, with the top-ups that led to it."""
    return _ask(connection, "balances", account, days)


def invoices(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """The twelve newest invoices; those that are not settled stand first."""
    return _ask(connection, "invoices", account, days)


def invoice_totals(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """All invoices by currency and `state`: `settled`, `draft`, `uncollectible` or, still to be paid, `open`."""
    return _ask(connection, "invoice_totals", account, days)


def reconciliation(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """A row per month of `spend.reconciliation`, the newest 13."""
    return _ask(connection, "reconciliation", account)


def comparisons(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """A row per month and place that tells the same money, of the last 13 months. Not part of the stable views."""
    return _ask(connection, "comparisons", account)


def by_weekday_and_hour(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """Mean spend by weekday (1 is Monday) and UTC hour, over the last twelve weeks."""
    return _ask(connection, "by_weekday_and_hour", account)


def unusual_days(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """A row per complete day of the last 120; `usual` and `is_unusual` are what `spend.anomalies` expected and found.

    Both are NULL with less than 4 such weekdays before it.
    """
    return _ask(connection, "unusual_days", account)


def _largest(rows: Iterable[Row]) -> dict[str, list[str]]:
    """The models of each currency that are named: the `LARGEST`, and one more where it is the only one left."""
    totals: dict[str, dict[str, Any]] = {}
    for row in rows:
        models = totals.setdefault(row["currency"], {})
        models[row["model"]] = models.get(row["model"], 0) + row["gross"]
    return {currency: _named(models) for currency, models in totals.items()}


def _named(totals: dict[str, Any]) -> list[str]:
    ranked = sorted(totals, key=lambda model: (-totals[model], model))
    return ranked if len(ranked) == LARGEST + 1 else ranked[:LARGEST]


def _ask(
    connection: duckdb.DuckDBPyConnection, question: str, account: str | list[str] = "", days: Days = ALL
) -> list[Row]:
    sql = resources.files(__package__).joinpath("sql", f"{question}.sql").read_text("utf-8")
    _, rows = fetch(connection, sql, {"account": account, **days._asdict()})
    return [{name: _readable(name, value) for name, value in row.items()} for row in rows]


def _readable(name: str, value: Any) -> Any:
    """The API's free text may hold anything; nothing sensitive and no control character of it is shown."""
    return redact(value) if name in _FREE_TEXT and value is not None else value
