"""Spend at a glance: the sections that both the notebook and the report show, each a question with its picture.

Every section takes the connection, an account and a range of days, and gives something that a notebook displays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from html import escape
from types import MappingProxyType

import duckdb

from ai_gateway_billing_pipeline.database.scope import ALL, Days, Row
from ai_gateway_billing_pipeline.terminal.values import cut

from . import charts, charts_by_model, formats, questions, sentences, sentences_by_model
from .drawing import Figure, nothing


@dataclass(frozen=True)
class Table:
    """A finding with the rows behind it, all text. `numbers` are the columns that are set flush right."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()

    def html(self) -> str:
        """The table alone."""
        head = "".join(f"<th{self._class(n)}>{escape(name)}</th>" for n, name in enumerate(self.columns))
        lines = ["".join(f"<td{self._class(n)}>{escape(cell)}</td>" for n, cell in enumerate(row)) for row in self.rows]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _class(self, column: int) -> str:
        return ' class="number"' if column in self.numbers else ""

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        lines = [self.title, self.note, *(" | ".join(row) for row in self.rows)]
        if not self.rows:
            return {"text/plain": self.note, "text/markdown": f"*{self.note}*"}
        heading = f"<p><strong>{escape(self.title)}</strong><br>{escape(self.note)}</p>"
        return {"text/plain": "\n".join(lines), "text/html": heading + self.html()}


Section = Callable[[duckdb.DuckDBPyConnection, str, Days], "Figure | Table"]


def runway(billing: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> Figure | Table:
    """Balance, how long it lasts, the next automatic top-up, the month and its forecast, as of now whatever `days`."""
    del days
    row = questions.runway(billing, account)
    if row is None:
        return nothing("Nothing has been loaded yet: run `aig-billing load`, then look again.")
    as_of = f"{formats.day_name(row['as_of'])}, {row['as_of']:%H:%M} UTC"
    note = f"As of {as_of}. Dates and the forecast are estimates."
    return Table(sentences.runway(row), note, ["", "", ""], _runway(row), [1])


def overview(billing: duckdb.DuckDBPyConnection, accounts: Sequence[str]) -> Table:
    """Month and credit of every account, and the sums of each currency. Only in a report on several."""
    rows = questions.overview(billing, accounts)
    lines = [
        [
            _called(row),
            *(_known(row, name) for name in ("month_to_date", "month_end_forecast", "balance")),
            "" if row["days_left"] is None else f"{row['days_left']}",
        ]
        for row in rows
    ]
    number = sum(row["account_id"] is not None for row in rows)
    note = "As the newest load of each account found it. Accounts that the API no longer lists are left out."
    columns = ["account", "month so far", "forecast", "credit left", "days left"]
    return Table(formats.count(number, "account"), note, columns, lines, range(1, 5))


def _called(row: Row) -> str:
    if row["account_id"] is None:
        return f"Total {row['currency']}" + (" of what is known" if row["unknown"] else "")
    return str(row["account_id"]) if row["account_name"] is None else cut(row["account_name"], 60)


def _known(row: Row, name: str) -> str:
    return "unknown" if row[name] is None else formats.money(row[name], row["currency"])


def _drawn(chart: Callable[[list[Row]], Figure], question: Callable[..., list[Row]]) -> Section:
    """The section that draws the answer to one question."""

    @wraps(chart)
    def section(billing: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> Figure:
        return chart(question(billing, account, days))

    return section


per_day = _drawn(charts.per_day, questions.per_day)
per_month = _drawn(charts.per_month, questions.per_month)
per_model = _drawn(charts_by_model.per_model, questions.per_model)
per_model_and_day = _drawn(charts_by_model.per_model_and_day, questions.per_model_and_day)
expensive_hours = _drawn(charts.expensive_hours, questions.expensive_hours)
balances = _drawn(charts.balances, questions.balances)


def invoices(billing: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> Figure | Table:
    """Newest invoices."""
    rows = questions.invoices(billing, account, days)
    if not rows:
        return nothing("There is no invoice yet.")
    totals = questions.invoice_totals(billing, account, days)
    number = sum(row["invoices"] for row in totals)
    shown = (
        f"The {len(rows)} shown of {number:,} are those not settled, then the newest. " if number > len(rows) else ""
    )
    columns = ["date", "description", "status", "due", "paid", "remaining"]
    note = f"{shown}Purchases of credit most likely include the fee of 5%."
    return Table(sentences.invoices(totals), note, columns, [_invoice(row) for row in rows], [3, 4, 5])


def who_spent_it(billing: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> Figure | Table:
    """The bill shared out over gateways by what the analytics estimate."""
    rows = questions.per_gateway(billing, account, days)
    if not rows:
        return nothing(
            "Estimates by gateway are not loaded: run `aig-billing load --with attribution`. The bill itself names no "
            "gateway."
        )
    columns = ["gateway", "share of the bill, estimate", "requests, estimate", "own provider keys, estimate"]
    note = (
        "Estimate: the billed amount is exact, and shared out in proportion to what Cloudflare's sampled analytics "
        "estimate. Requests on own provider keys are billed by the provider."
    )
    return Table(sentences_by_model.per_gateway(rows), note, columns, [_gateway(row) for row in rows], [1, 2, 3])


def reconciliation(billing: duckdb.DuckDBPyConnection, account: str) -> Figure | Table:
    """What different parts of the API report for each month. Not part of the report."""
    rows = questions.reconciliation(billing, account)
    if not rows:
        return nothing("There is nothing to compare yet: no month has been read.")
    names = ("hourly_sum", "daily_sum", "preview_gross", "preview_net", "balance_drop", "invoices_paid")
    columns = ["month", "verdict", "based on", "hours", "days", "preview gross", "preview net", "balance drop", "paid"]
    lines = [
        [f"{row['month']:%b %Y}", row["verdict"], row["reason"] or "", *(_amount(row, name) for name in names)]
        for row in rows
    ]
    note = (
        "The same spend as different parts of the API report it. Credit is bought ahead of use and with a fee of 5%: "
        "purchases agree when they are within one purchase of usage, which proves little."
    )
    return Table(sentences.reconciliation(rows), note, columns, lines, range(3, 9))


SECTIONS: MappingProxyType[str, Section] = MappingProxyType(
    {
        "Balance and runway": runway,
        "Spend per day": per_day,
        "Spend per month": per_month,
        "By model": per_model,
        "By model and day": per_model_and_day,
        "Who spent it (estimate)": who_spent_it,
        "Most expensive hours": expensive_hours,
        "Credit and top-ups": balances,
        "Invoices": invoices,
    }
)
"""What the report holds, in its order; the notebook shows the same."""


def _runway(row: Row) -> list[list[str]]:
    def amount(name: str) -> str:
        return _known(row, name)

    lines = [
        ["Balance", amount("balance"), _used_up(row)],
        ["Spend per day, last 7 days", amount("burn_per_day_7d"), f"{amount('burn_per_day_30d')} over the last 30"],
        ["Month so far", amount("month_to_date"), f"since {_date(row, 'month')}"],
        ["Month-end forecast", amount("month_end_forecast"), "estimate"],
    ]
    if row["auto_topup"] == "on":
        cost = f"{_date(row, 'next_topup_date')}, costs {amount('next_topup_cost')} with the fee".removeprefix(", ")
        return [*lines, ["Next top-up", amount("next_topup_amount"), cost]]
    return [*lines, ["Automatic top-up", row["auto_topup"], row["auto_topup_reason"] or ""]]


def _gateway(row: Row) -> list[str]:
    own_keys = "" if row["own_keys_usd"] is None else formats.money(row["own_keys_usd"], "USD")
    requests = "" if row["requests"] is None else f"{row['requests']:,}"
    return [row["gateway"] or "not named", _amount(row, "amount"), requests, own_keys]


def _used_up(row: Row) -> str:
    if row["balance"] is None or row["balance"] <= 0 or row["days_left"] is None or row["days_left"] > 365:
        return ""
    return f"without a top-up, used up about {_date(row, 'runs_out_date')}"


def _date(row: Row, name: str) -> str:
    return "" if row[name] is None else formats.day_name(row[name])


def _invoice(row: Row) -> list[str]:
    amounts = (_amount(row, name) for name in ("amount_due", "amount_paid", "amount_remaining"))
    return [_date(row, "created_at"), row["description"] or row["origin"] or "", row["status"] or "", *amounts]


def _amount(row: Row, name: str) -> str:
    return "" if row[name] is None else formats.money(row[name], row["currency"])
