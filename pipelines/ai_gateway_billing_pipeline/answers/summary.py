"""How things stand, on one screen of 24 lines and 80 columns: what bare `aig-billing` prints."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import duckdb

from ai_gateway_billing_pipeline.database import scope
from ai_gateway_billing_pipeline.database.scope import Asked, Row
from ai_gateway_billing_pipeline.terminal import figures
from ai_gateway_billing_pipeline.terminal.figures import Column
from ai_gateway_billing_pipeline.terminal.values import cut, money

from . import columns, printing, questions, standing
from .questions import Answer

_LINES = 8
"""For accounts and totals. The accounts that spent most have a line; all are in the totals."""
_NAME = 18
_MODELS = 3
_DAYS = 30
_MORE = "More: aig-billing today, daily, monthly, models, runway, invoices, or --help"


class Summary(NamedTuple):
    """The answers that it is made of."""

    today: Answer
    days: Answer
    models: Answer
    runway: Answer
    invoices: Answer


def ask(connection: duckdb.DuckDBPyConnection) -> Summary:
    """The answers, of all accounts that are not gone. Raises `SettingsError`."""
    all_of_it = scope.scope(connection, Asked(newest=_DAYS))
    kept = [account for account in all_of_it.accounts if not account.is_gone]
    one_month = scope.Scope(kept, Asked(newest=1))
    return Summary(
        questions.QUESTIONS["today"](connection, one_month),
        questions.QUESTIONS["daily"](connection, all_of_it._replace(accounts=kept)),
        questions.QUESTIONS["models"](connection, one_month),
        questions.QUESTIONS["runway"](connection, one_month),
        questions.QUESTIONS["invoices"](connection, one_month._replace(asked=Asked())),
    )


def show(found: Summary, where: str, now: datetime) -> None:
    """Print it on standard output."""
    rows = sorted(found.runway.rows, key=lambda row: (row["currency"], -(row["month_to_date"] or 0)))
    if not rows:
        figures.say([printing.reason(found.runway), "", _MORE])
        return
    title = f"AI Gateway billing in {where}, UTC, as of {columns.moment(found.runway.as_of)}"
    shown = _one(found, rows[0], now) if len(rows) == 1 else _several(found, rows, now)
    currency, _ = Counter(row["currency"] for row in rows).most_common(1)[0]
    lines = [_trend(found.days, currency), _models(found.models, currency), _open(found.invoices), _left_out(found)]
    notes = ["\n".join(filter(None, lines)), *printing.warnings(found.runway, now), _MORE]
    figures.show(shown, title=title, notes=notes, has_head=len(rows) > 1)


def _one(found: Summary, row: Row, now: datetime) -> list[Column]:
    unit = str(row["currency"])
    lines = [_newest_day(each, unit, now) for each in found.today.rows]
    lines += [
        ("month so far", money(row["month_to_date"]), unit, f"forecast {money(row['month_end_forecast'])}"),
        ("credit left", money(row["balance"]), unit, f"top-up {standing.topup(row)}"),
        ("days left", columns.number(row["days_left"]), "days", standing.until(row)),
    ]
    return columns.figures(lines)


def _newest_day(row: Row, unit: str, now: datetime) -> tuple[str, str, str, str]:
    name = "today so far" if standing.days_of(row["day"], now)[0] == "today" else f"{row['day']}"
    return name, money(row["today"]), unit, f"{money(row['yesterday'])} on the day before"


def _several(found: Summary, rows: Sequence[Row], now: datetime) -> list[Column]:
    shown = found.runway._replace(rows=rows[: _room(found)])
    return [
        columns.names(shown, "total", _NAME),
        _today(found.today, shown, now),
        columns.amounts("month", shown, "month_to_date"),
        columns.amounts("forecast", shown, "month_end_forecast", spare=1),
        columns.amounts("credit left", shown, "balance"),
        columns.currencies(shown),
        Column("days left", [columns.number(row["days_left"]) for row in shown.rows], kind="number"),
    ]


def _today(today: Answer, shown: Answer, now: datetime) -> Column:
    """The newest day, and the sums of all accounts."""
    amounts = {row["account_id"]: row["today"] for row in today.rows}
    sums = {total["currency"]: total["today"] for total in today.totals}
    cells = [money(amounts.get(row["account_id"])) for row in shown.rows]
    name = standing.days_of(today.rows[0]["day"], now)[0] if today.rows else "today"
    return Column(name, cells, [money(sums.get(total["currency"])) for total in shown.totals], kind="number")


def _trend(days: Answer, currency: str) -> str:
    """All accounts of the currency that most of them have, where the terminal can show it."""
    sums: dict[object, Decimal] = defaultdict(Decimal)
    for row in days.rows:
        if row["currency"] == currency:
            sums[row["day"]] += row["amount"] or 0
    drawn = figures.sparkline(list(sums.values()))
    return f"{len(sums)} days  {drawn}  {currency}" if drawn else ""


def _models(models: Answer, currency: str) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in models.rows:
        if row["currency"] == currency and row["net"] is not None:
            sums[row["model"]] += row["net"]
    largest = sorted(sums, key=lambda model: -sums[model])[:_MODELS]
    words = ", ".join(f"{cut(model, 28)} {money(sums[model])}" for model in largest)
    return f"Models this month: {words} {currency}" if words else ""


def _open(invoices: Answer) -> str:
    unpaid = [row for row in invoices.rows if row["state"] == "open"]
    if not unpaid:
        return "Invoices to pay: none"
    sums = questions.totals(unpaid, ["amount_remaining"])
    words = ", ".join(f"{money(total['amount_remaining'])} {total['currency']}" for total in sums)
    return f"Invoices to pay: {len(unpaid)}, {words}"


def _left_out(found: Summary) -> str:
    rest = len(found.runway.rows) - _room(found)
    return f"{rest} more account{'s' * (rest != 1)} in the totals: aig-billing runway" if rest > 0 else ""


def _room(found: Summary) -> int:
    return max(1, _LINES - len(found.runway.totals))
