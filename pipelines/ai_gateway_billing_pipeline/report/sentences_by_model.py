"""Sentences on what each model costs: as in `sentences`, about at least one row and within one currency."""

from collections.abc import Sequence
from decimal import Decimal

from ai_gateway_billing_pipeline.database.scope import Row

from .formats import day_name, listed, money, month_name, percent
from .questions import OTHER_MODELS


def per_model(rows: Sequence[Row]) -> str:
    """The share of the most expensive model in the billing month, for each currency."""
    so_far = "" if rows[0]["is_closed"] else " so far"
    return f"In {month_name(rows[0]['billing_month'])}{so_far}, {_by_currency(rows)}"


def per_model_and_day(rows: Sequence[Row]) -> str:
    """The same for the days shown."""
    first, last = (day_name(pick(row["day"] for row in rows)) for pick in (min, max))
    return f"{f'On {first}' if first == last else f'From {first} to {last}'}, {_by_currency(rows)}"


def per_gateway(rows: Sequence[Row]) -> str:
    """The share of the gateway that spent most, by estimate, for each currency."""
    named = [{**row, "model": row["gateway"] or "an unnamed gateway", "gross": row["amount"]} for row in rows]
    first, last = day_name(rows[0]["first_day"]), day_name(rows[0]["last_day"])
    return f"By estimate, {f'on {first}' if first == last else f'from {first} to {last}'}, {_by_currency(named)}"


def _by_currency(rows: Sequence[Row]) -> str:
    totals: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        models = totals.setdefault(row["currency"], {})
        models[row["model"]] = models.get(row["model"], Decimal(0)) + row["gross"]
    parts = {code: _largest_model(models, code) for code, models in sorted(totals.items())}
    return "; ".join(f"in {code} {part}" if len(parts) > 1 else part for code, part in parts.items())


def _largest_model(totals: dict[str, Decimal], currency: str) -> str:
    total = sum(totals.values(), Decimal(0))
    largest = max(amount for model, amount in totals.items() if model != OTHER_MODELS)
    if not any(totals.values()):
        return "no model cost anything"
    if largest <= 0 or total <= 0:
        return f"corrections bring the total to {money(total, currency)}"
    named = sorted(model for model, amount in totals.items() if amount == largest and model != OTHER_MODELS)
    if len(named) > 1:
        return (
            f"{listed(named) if len(named) < 3 else f'{len(named)} models'} cost most, {money(largest, currency)} each"
        )
    if len(totals) == 1:
        return f"{named[0]} is the only model, with {money(total, currency)}"
    if min(totals.values()) < 0:
        return f"{named[0]} cost most, {money(largest, currency)}"
    return f"{named[0]} accounts for {percent(largest, total)}: {money(largest, currency)} of {money(total, currency)}"
