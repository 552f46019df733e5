"""What people ask, as rows of the views: one function per question. Amounts are exact, in major units.

Every row has a `state`: `open` (its period still runs), `final`, `complete` (late events may still come), `incomplete`
(over, and not read whole) or `unknown` (never read: its amounts are NULL, not 0).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from functools import partial
from typing import NamedTuple

import duckdb

from ai_gateway_billing_pipeline.database.scope import Row, Scope, fetch

from . import statements


class Answer(NamedTuple):
    """Rows that answer a question; `totals` has one for each currency. `found` counts all rows that there are."""

    name: str
    scope: Scope
    columns: Sequence[str]
    rows: Sequence[Row]
    totals: Sequence[Row]
    found: int

    @property
    def as_of(self) -> datetime | None:
        """When the API last answered, UTC."""
        return self.scope.as_of


_ASKED: Mapping[str, tuple[str, Sequence[str]]] = {
    "today": (
        statements.TODAY,
        ("today", "today_by_then", "yesterday_by_then", "yesterday", "month_to_date", "balance"),
    ),
    "daily": (statements.DAILY, ("amount",)),
    "monthly": (statements.MONTHLY, ("amount",)),
    "models": (statements.MODELS, ("gross", "credits", "net")),
    "gateways": (statements.GATEWAYS, ("amount", "estimate_usd", "own_keys_estimate_usd")),
    "runway": (
        statements.RUNWAY,
        ("balance", "burn_per_day_7d", "burn_per_day_30d", "month_to_date", "month_end_forecast"),
    ),
    "invoices": (statements.INVOICES, ("billed",)),
}
"""The statement, and the columns that may be summed."""


def _ask(name: str, connection: duckdb.DuckDBPyConnection, scope: Scope) -> Answer:
    sql, sums = _ASKED[name]
    columns, rows = fetch(connection, sql, scope.parameters)
    found = max((row.pop("found") for row in rows if "found" in row), default=len(rows))
    columns = [column for column in columns if column != "found"]
    return Answer(name, scope, columns, rows, totals(rows, sums), found)


QUESTIONS: Mapping[str, Callable[[duckdb.DuckDBPyConnection, Scope], Answer]] = {
    name: partial(_ask, name) for name in _ASKED
}
"""A row of `today` and of `runway` is of an account, of `daily` of an account and UTC day, of `monthly` of a month, of
`models` of a month and model, of `gateways` of a gateway in all of the time, of `invoices` of an invoice. `daily`,
`monthly` and `models` are in the order of time. `today` is all that is known of the newest day of all of them, as in
`daily`; what is `…_by_then` is of whole hours, until `until_at`."""


def totals(rows: Iterable[Row], sums: Sequence[str]) -> list[Row]:
    """Sums of these columns for each currency, exact, of what is known; NULL where nothing is."""
    found: dict[str, Row] = {}
    with localcontext(prec=80):
        for row in rows:
            total = found.setdefault(row["currency"], {"currency": row["currency"], **dict.fromkeys(sums)})
            for name in sums:
                if row[name] is not None:
                    total[name] = (total[name] or Decimal(0)) + row[name]
    return [found[currency] for currency in sorted(found)]
