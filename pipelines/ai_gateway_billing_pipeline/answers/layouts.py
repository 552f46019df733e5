"""How each answer reads on a terminal. Here: tables of what was spent over time, and of invoices."""

from collections.abc import Callable, Mapping, Sequence

from ai_gateway_billing_pipeline.database.scope import Row
from ai_gateway_billing_pipeline.terminal.figures import Column
from ai_gateway_billing_pipeline.terminal.values import UNKNOWN, cut, minute, money

from . import columns, standing
from .columns import WORDS, Layout
from .questions import Answer

_KINDS: Mapping[str, str] = {"purchase_auto": "auto top-up", "purchase_manual": "manual top-up", "usage": "usage"}


def layout(answer: Answer) -> Layout:
    """The answer for people."""
    return _LAYOUTS[answer.name](answer)


# --- days, months, models ------------------------------------------------------------------------------------------


def _daily(answer: Answer) -> Layout:
    days = [f"{row['day']} {row['day']:%a}" for row in answer.rows]
    return Layout(columns.title("Spend per day", answer), _spend(answer, "day", days, _remark_on_day))


def _monthly(answer: Answer) -> Layout:
    months = [f"{row['month']:%Y-%m}" for row in answer.rows]
    return Layout(columns.title("Spend per month", answer), _spend(answer, "month", months, _remark_on_month))


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
    return _so_far(row)


def _so_far(row: Row) -> str:
    return "so far" if row["state"] == "open" else ""


def _remark_on_month(row: Row) -> str:
    is_whole = row["days_known"] is None or row["days_known"] >= row["days_elapsed"]
    missing = "" if is_whole else f"{row['days_known']} of {row['days_elapsed']} days known"
    if row["state"] != "open":
        return missing
    forecast = "" if row["forecast"] is None else f"forecast {money(row['forecast'])}"
    return "; ".join(filter(None, ("so far", missing, forecast)))


def _models(answer: Answer) -> Layout:
    rows = answer.rows
    shown = [
        columns.periods("month", [f"{row['month']:%Y-%m}" for row in rows], answer),
        *columns.names_if_several(answer),
        Column("model", [cut(row["model"] or UNKNOWN, WORDS) for row in rows], kind="words"),
        columns.amounts("gross", answer, "gross"),
        columns.amounts("credits", answer, "credits", spare=1),
        columns.amounts("net", answer, "net"),
        columns.currencies(answer),
        columns.shares(answer, "gross"),
        columns.remarks([_so_far(row) for row in rows], answer, "gross"),
    ]
    missing = sorted({f"{row['month']:%Y-%m}" for row in rows if row["state"] == "unknown"})
    notes = [f"No invoice preview of {', '.join(missing)} was read, so its models are unknown."] if missing else []
    return Layout(columns.title("Spend by model", answer), shown, notes)


def _gateways(answer: Answer) -> Layout:
    rows = answer.rows
    shown = [
        columns.periods("gateway", [cut(row["gateway"] or UNKNOWN, WORDS) for row in rows], answer),
        *columns.names_if_several(answer),
        columns.amounts("share of the bill", answer, "amount"),
        columns.currencies(answer),
        columns.shares(answer, "amount"),
        Column("requests", [columns.number(row["requests"]) for row in rows], kind="number"),
        columns.amounts("estimate USD", answer, "estimate_usd"),
        columns.amounts("own keys USD", answer, "own_keys_estimate_usd", spare=1),
        columns.remarks([_so_far(row) for row in rows], answer, "amount"),
    ]
    notes = [
        "The bill is exact; who spent it is an estimate of Cloudflare's analytics. Own keys are billed by the provider."
    ]
    if not any(row["requests"] for row in rows):
        notes.append("There are no estimates. Run `aig-billing load --with attribution`.")
    return Layout(columns.title("Who spent it, by gateway", answer), shown, notes)


# --- invoices ------------------------------------------------------------------------------------------------------


def _invoices(answer: Answer) -> Layout:
    rows = answer.rows
    shown = [
        columns.periods("created", [minute(row["created_at"])[:10] for row in rows], answer),
        *columns.names_if_several(answer),
        Column("kind", [_KINDS.get(row["kind"], UNKNOWN) for row in rows], kind="words"),
        Column("status", [cut(row["status"] or UNKNOWN, WORDS) for row in rows], kind="words"),
        columns.amounts("due", answer, "amount_due", spare=1),
        columns.amounts("charged", answer, "billed"),
        columns.currencies(answer),
        Column("days old", [columns.number(row["age_days"]) for row in rows], kind="number", spare=2),
        Column("", [_remark_on_invoice(row) for row in rows], kind="words"),
    ]
    notes = []
    if answer.found > len(rows):
        notes = [f"The newest {len(rows):,} of {answer.found:,} invoices; --last {answer.found} shows all."]
    return Layout(columns.title("Invoices", answer), shown, notes)


def _remark_on_invoice(row: Row) -> str:
    if row["state"] == "open":
        return f"open: {money(row['amount_remaining'])} to pay"
    return "" if row["is_listed"] else "no longer listed"


_LAYOUTS: Mapping[str, Callable[[Answer], Layout]] = {
    "today": standing.today,
    "daily": _daily,
    "monthly": _monthly,
    "models": _models,
    "gateways": _gateways,
    "invoices": _invoices,
    "runway": standing.runway,
}
