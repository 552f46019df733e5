"""How the answers read on a terminal that say how things stand now: `today` and `runway`."""

from datetime import UTC, date, datetime
from decimal import Decimal

from ai_gateway_billing_pipeline.database.scope import Row
from ai_gateway_billing_pipeline.terminal.figures import Column
from ai_gateway_billing_pipeline.terminal.values import cut, money

from . import columns
from .columns import WORDS, Layout
from .questions import Answer

# --- today ---------------------------------------------------------------------------------------------------------


def today(answer: Answer) -> Layout:
    """A list for one account, else a table of all."""
    title = columns.title("Spend so far", answer)
    if len(answer.scope.accounts) == 1:
        return Layout(title, columns.figures(_today_of_one(answer.rows[0], answer)), has_head=False)
    day, before = days_of(answer.rows[0]["day"], answer.scope.asked.now or answer.as_of)
    shown = [
        columns.names(answer, "total"),
        columns.amounts(day, answer, "today"),
        columns.amounts(f"{before} by then", answer, "yesterday_by_then"),
        Column("", [_percent(row["change_percent_from_yesterday"]) for row in answer.rows], kind="number", spare=2),
        columns.amounts("month so far", answer, "month_to_date", spare=1),
        columns.amounts("credit left", answer, "balance"),
        columns.currencies(answer),
        Column("days left", [columns.number(row["days_left"]) for row in answer.rows], kind="number"),
    ]
    ends = {f"{row['until_at']:%H:%M}" for row in answer.rows if row["until_at"]}
    notes = [f"Changes compare whole hours, until {', '.join(sorted(ends))}."] if ends else []
    return Layout(title, shown, notes)


def _today_of_one(row: Row, answer: Answer) -> list[tuple[str, str, str, str]]:
    unit = str(row["currency"])
    day, before = days_of(row["day"], answer.scope.asked.now or answer.as_of)
    whole_day = f"{money(row['yesterday'])} in the whole day"
    forecast = f"forecast {money(row['month_end_forecast'])}"
    changes = (_percent(row["change_percent_from_yesterday"]), _percent(row["change_percent_from_last_month"]))
    return [
        (day, money(row["today"]), unit, _by_then(row)),
        (f"{before} by then", money(row["yesterday_by_then"]), unit, "; ".join(filter(None, (changes[0], whole_day)))),
        ("month so far", money(row["month_to_date"]), unit, forecast),
        ("last month by then", money(row["last_month_by_then"]), unit, changes[1]),
        ("credit left", money(row["balance"]), unit, f"top-up {topup(row)}"),
        ("days left", columns.number(row["days_left"]), "days", until(row)),
    ]


def _by_then(row: Row) -> str:
    """What of the day the comparison with the day before is about: whole hours."""
    if row["until_at"] is None:
        return "so far"
    whole = "" if row["today_by_then"] == row["today"] else f"{money(row['today_by_then'])} "
    return f"{whole}until {row['until_at']:%H:%M}"


def days_of(day: date, now: datetime | None) -> tuple[str, str]:
    """What the newest day and the one before it are called: it need not be today."""
    if now and day == now.astimezone(UTC).date():
        return "today", "yesterday"
    return f"{day:%a %d %b}", "the day before"


def _percent(change: Decimal | None) -> str:
    return "" if change is None else f"{change:+,.0f} %"


# --- runway --------------------------------------------------------------------------------------------------------


def runway(answer: Answer) -> Layout:
    """As `today`."""
    title = columns.title("How long the credit lasts", answer)
    if len(answer.scope.accounts) == 1:
        return Layout(title, columns.figures(_runway_of_one(answer.rows[0])), has_head=False)
    shown = [
        columns.names(answer, "total"),
        columns.amounts("credit left", answer, "balance"),
        columns.amounts("per day", answer, "burn_per_day_7d"),
        columns.amounts("month so far", answer, "month_to_date", spare=2),
        columns.amounts("forecast", answer, "month_end_forecast", spare=1),
        columns.currencies(answer),
        Column("days left", [columns.number(row["days_left"]) for row in answer.rows], kind="number"),
        Column("top-up", [topup(row) for row in answer.rows], kind="words"),
    ]
    return Layout(title, shown)


def _runway_of_one(row: Row) -> list[tuple[str, str, str, str]]:
    unit = str(row["currency"])
    return [
        ("credit left", money(row["balance"]), unit, _assumed(row)),
        ("spent per day", money(row["burn_per_day_7d"]), unit, "mean of the last 7 days"),
        ("", money(row["burn_per_day_30d"]), unit, "mean of the last 30 days"),
        ("days left", columns.number(row["days_left"]), "days", until(row)),
        ("next top-up", *_next_topup(row, unit)),
        ("month so far", money(row["month_to_date"]), unit, f"{row['month']:%Y-%m}"),
        ("whole month", money(row["month_end_forecast"]), unit, "forecast"),
    ]


def _assumed(row: Row) -> str:
    return "the API names no currency; USD is assumed" if row["currency_is_assumed"] else ""


def until(row: Row) -> str:
    """When the credit of `runway` is used up."""
    return f"until {row['runs_out_date']}, without a top-up" if row["runs_out_date"] else ""


def topup(row: Row) -> str:
    """How the automatic top-up of `runway` stands."""
    if row["auto_topup"] == "on":
        return f"on{_about(row['next_topup_date'])}"
    reason = cut(row["auto_topup_reason"] or "", WORDS)
    return f"{row['auto_topup']}: {reason}" if reason else str(row["auto_topup"])


def _next_topup(row: Row, unit: str) -> tuple[str, str, str]:
    if row["auto_topup"] != "on":
        return "none", "", topup(row)
    cost = f"for {money(row['next_topup_amount'])} of credit, when below {money(row['topup_threshold'])}"
    return money(row["next_topup_cost"]), unit, f"{cost}{_about(row['next_topup_date'])}"


def _about(day: date | None) -> str:
    return f", about {day}" if day else ""
