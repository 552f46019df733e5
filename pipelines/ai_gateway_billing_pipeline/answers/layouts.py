"""How each answer reads on a terminal: its title, its columns, and what to know about it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from ai_gateway_billing_pipeline.database.scope import Row
from ai_gateway_billing_pipeline.terminal.figures import Column
from ai_gateway_billing_pipeline.terminal.values import UNKNOWN, cut, minute, money

from . import columns
from .questions import Answer

_WORDS = 60
_KINDS: Mapping[str, str] = {"purchase_auto": "auto top-up", "purchase_manual": "manual top-up", "usage": "usage"}


class Layout(NamedTuple):
    """What is printed. `has_head`: the columns have names."""

    title: str
    columns: Sequence[Column]
    notes: Sequence[str] = ()
    has_head: bool = True


def layout(answer: Answer) -> Layout:
    """The answer for people."""
    return _LAYOUTS[answer.name](answer)


def _title(what: str, answer: Answer) -> str:
    accounts = answer.scope.accounts
    whose = f" of {columns.label(accounts[0], accounts)}" if len(accounts) == 1 and accounts[0].name else ""
    return f"{what}{whose}, UTC, as of {columns.moment(answer.as_of)}"


# --- days, months, models ------------------------------------------------------------------------------------------


def _daily(answer: Answer) -> Layout:
    days = [f"{row['day']} {row['day']:%a}" for row in answer.rows]
    return Layout(_title("Spend per day", answer), _spend(answer, "day", days, _remark_on_day))


def _monthly(answer: Answer) -> Layout:
    months = [f"{row['month']:%Y-%m}" for row in answer.rows]
    return Layout(_title("Spend per month", answer), _spend(answer, "month", months, _remark_on_month))


def _spend(answer: Answer, period: str, cells: Sequence[str], remark: Callable[[Row], str]) -> list[Column]:
    return [
        columns.periods(period, cells, answer),
        *columns.names_if_several(answer),
        columns.amounts("spend", answer, "amount"),
        columns.currencies(answer),
        columns.shares(answer, "amount"),
        columns.remarks([remark(row) for row in answer.rows], answer, "amount"),
    ]


def _remark_on_day(row: Row) -> str:
    if row["state"] == "incomplete":
        return f"incomplete: {row['hours_known']} of 24 hours"
    return "so far" if row["state"] == "open" else ""


def _remark_on_month(row: Row) -> str:
    is_whole = row["days_known"] is None or row["days_known"] >= row["days_elapsed"]
    missing = "" if is_whole else f"{row['days_known']} of {row['days_elapsed']} days known"
    if row["state"] != "open":
        return missing
    forecast = "" if row["forecast"] is None else f"forecast {money(row['forecast'])}"
    return _joined("so far", missing, forecast)


def _models(answer: Answer) -> Layout:
    rows = answer.rows
    shown = [
        columns.periods("month", [f"{row['month']:%Y-%m}" for row in rows], answer),
        *columns.names_if_several(answer),
        Column("model", [cut(row["model"] or UNKNOWN, _WORDS) for row in rows], kind="words"),
        columns.amounts("gross", answer, "gross"),
        columns.amounts("credits", answer, "credits", spare=1),
        columns.amounts("net", answer, "net"),
        columns.currencies(answer),
        columns.shares(answer, "gross"),
        columns.remarks(["so far" if row["state"] == "open" else "" for row in rows], answer, "gross"),
    ]
    missing = sorted({f"{row['month']:%Y-%m}" for row in rows if row["state"] == "unknown"})
    notes = [f"No invoice preview of {', '.join(missing)} was read, so its models are unknown."] if missing else []
    return Layout(_title("Spend by model", answer), shown, notes)


def _gateways(answer: Answer) -> Layout:
    rows = answer.rows
    shown = [
        columns.periods("gateway", [cut(row["gateway"] or UNKNOWN, _WORDS) for row in rows], answer),
        *columns.names_if_several(answer),
        columns.amounts("share of the bill", answer, "amount"),
        columns.currencies(answer),
        columns.shares(answer, "amount"),
        Column("requests", [columns.number(row["requests"]) for row in rows], kind="number"),
        columns.amounts("estimate USD", answer, "estimate_usd"),
        columns.amounts("own keys USD", answer, "own_keys_estimate_usd", spare=1),
        columns.remarks(["so far" if row["state"] == "open" else "" for row in rows], answer, "amount"),
    ]
    notes = [
        "The bill is exact; who spent it is an estimate of Cloudflare's analytics. Own keys are billed by the provider."
    ]
    if not any(row["requests"] for row in rows):
        notes.append("There are no estimates. Run `aig-billing load --with attribution`.")
    return Layout(_title("Who spent it, by gateway", answer), shown, notes)


# --- today ---------------------------------------------------------------------------------------------------------


def _today(answer: Answer) -> Layout:
    title = _title("Spend so far", answer)
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
        (f"{before} by then", money(row["yesterday_by_then"]), unit, _joined(changes[0], whole_day)),
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


def _joined(*words: str) -> str:
    return "; ".join(filter(None, words))


# --- invoices ------------------------------------------------------------------------------------------------------


def _invoices(answer: Answer) -> Layout:
    rows = answer.rows
    shown = [
        columns.periods("created", [minute(row["created_at"])[:10] for row in rows], answer),
        *columns.names_if_several(answer),
        Column("kind", [_KINDS.get(row["kind"], UNKNOWN) for row in rows], kind="words"),
        Column("status", [cut(row["status"] or UNKNOWN, _WORDS) for row in rows], kind="words"),
        columns.amounts("due", answer, "amount_due", spare=1),
        columns.amounts("charged", answer, "billed"),
        columns.currencies(answer),
        Column("days old", [columns.number(row["age_days"]) for row in rows], kind="number", spare=2),
        Column("", [_remark_on_invoice(row) for row in rows], kind="words"),
    ]
    notes = []
    if answer.found > len(rows):
        notes = [f"The newest {len(rows):,} of {answer.found:,} invoices; --last {answer.found} shows all."]
    return Layout(_title("Invoices", answer), shown, notes)


def _remark_on_invoice(row: Row) -> str:
    if row["state"] == "open":
        return f"open: {money(row['amount_remaining'])} to pay"
    return "" if row["is_listed"] else "no longer listed"


# --- runway --------------------------------------------------------------------------------------------------------


def _runway(answer: Answer) -> Layout:
    title = _title("How long the credit lasts", answer)
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
    reason = cut(row["auto_topup_reason"] or "", _WORDS)
    return f"{row['auto_topup']}: {reason}" if reason else str(row["auto_topup"])


def _next_topup(row: Row, unit: str) -> tuple[str, str, str]:
    if row["auto_topup"] != "on":
        return "none", "", topup(row)
    cost = f"for {money(row['next_topup_amount'])} of credit, when below {money(row['topup_threshold'])}"
    return money(row["next_topup_cost"]), unit, f"{cost}{_about(row['next_topup_date'])}"


def _about(day: date | None) -> str:
    return f", about {day}" if day else ""


_LAYOUTS: Mapping[str, Callable[[Answer], Layout]] = {
    "today": _today,
    "daily": _daily,
    "monthly": _monthly,
    "models": _models,
    "gateways": _gateways,
    "invoices": _invoices,
    "runway": _runway,
}
