"""Which columns of the views are money."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import duckdb

from ai_gateway_billing_pipeline.database import views

RATIOS = {f"{place}_ratio" for place in ("daily", "preview_gross", "preview_net", "balance", "invoices", "estimate")}
NO_AMOUNTS: dict[str, set[str]] = {
    "accounts": {"major_per_usage_unit", "major_per_minor"},
    "currencies": {"major_per_minor"},
    "preview_models": {"quantity"},
    "by_model": {"quantity"},
    "runway": {"days_left"},
    "anomalies": {"score"},
    "changes": {"change_percent"},
    "restatements": {"change_percent"},
    "budget": {"share", "forecast_share", "threshold_crossed"},
    "comparisons": {"ratio", "deviation"},
    "reconciliation": RATIOS,
    "attribution": {"share"},
    "estimate_vs_bill": {"ratio"},
    "gateway_limits": {"share"},
}
"""The decimals of views that are no money."""


def in_dollars(cents: Decimal) -> Decimal:
    """What the views make of one raw amount: ten places, half to even."""
    wide = Context(prec=60, rounding=ROUND_HALF_EVEN)
    return wide.divide(cents, Decimal(100)).quantize(Decimal("1e-10"), context=wide)


def relation(name: str) -> str:
    """The view, or the macro with some argument, as it stands in a query."""
    return f"spend.{name}('Asia/Kolkata')" if name in views.MACROS else f"spend.{name}"


def amount_columns(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """The amounts of that view, with their types."""
    described = connection.execute(f"describe from {relation(name)}").fetchall()
    return {
        column: kind
        for column, kind, *_ in described
        if kind.startswith("DECIMAL") and column not in NO_AMOUNTS.get(name, ())
    }
