"""Prints an answer: a table for people, one JSON object in one line, or CSV. Where there is no row, it says why."""

import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Literal

from ai_gateway_billing_pipeline.terminal import figures, logs, output, values

from .columns import label, moment
from .layouts import layout
from .questions import Answer

Form = Literal["table", "csv", "json"]
_STALE = timedelta(days=1)
_ROWS = 1_000


def show(answer: Answer, form: Form, now: datetime) -> None:
    """Print it on standard output. Machines get every row with every digit, and no sentence among them."""
    if form == "json":
        values.print_object({"as_of": answer.as_of, answer.name: answer.rows, "totals": answer.totals})
    elif form == "csv":
        output.print_csv(answer.columns, [list(row.values()) for row in answer.rows])
    elif answer.rows:
        _print(answer, now)
    if not answer.rows:
        _tell(reason(answer), form)


def _print(answer: Answer, now: datetime) -> None:
    shown = answer._replace(rows=answer.rows[-_ROWS:])
    title, columns, notes, has_head = layout(shown)
    notes = [*notes, *warnings(answer, now)]
    if len(shown.rows) < len(answer.rows):
        notes.append(f"The last {_ROWS:,} of {len(answer.rows):,} rows; --csv and --json print all.")
    figures.show(columns, title=title, notes=notes, has_head=has_head)


def warnings(answer: Answer, now: datetime) -> list[str]:
    """What makes the newest figures something else than one may think."""
    if answer.as_of and now - answer.as_of > _STALE:
        days = (now - answer.as_of).days
        return [f"The newest data is {days} day{'s' * (days != 1)} old. Run `aig-billing load`."]
    return []


def _tell(sentence: str, form: Form) -> None:
    if form == "table":
        sys.stdout.write(values.printable(sentence) + "\n")
    else:
        logs.tell(sentence, logging.WARNING)


def reason(answer: Answer) -> str:
    """Why an answer has no rows."""
    asked, accounts = answer.scope.asked, answer.scope.accounts
    if not accounts:
        return "Nothing has been loaded yet. Run `aig-billing load` first."
    who = label(accounts[0], accounts) if len(accounts) == 1 else f"these {len(accounts)} accounts"
    if answer.name == "runway" and all(account.is_gone for account in accounts):
        return f"The API no longer lists {who}, so there is no runway."
    what = _WHAT[answer.name]
    if asked.is_bounded:
        days = " ".join(f"{word} {day}" for word, day in (("from", asked.first), ("to", asked.last)) if day)
        return f"No {what} of {who} is known {days}. The newest data is of {moment(answer.as_of)} UTC."
    if answer.name == "models":
        month = answer.as_of.astimezone(UTC) if answer.as_of else None
        return f"No {what} of {who} is known for {month:%Y-%m} so far. --last 2 shows the month before, too."
    return f"No {what} of {who} is known yet."


_WHAT = {
    "daily": "spend",
    "monthly": "spend",
    "models": "spend by model",
    "gateways": "spend by gateway",
    "runway": "credit",
    "invoices": "invoice",
    "today": "spend",
}
