"""One export: a view, or part of it, as a file that is whole or not there; and what to know about FOCUS charges."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing_pipeline.database import scope, stores
from ai_gateway_billing_pipeline.database.scope import ALL, Days
from ai_gateway_billing_pipeline.settings import Store
from ai_gateway_billing_pipeline.terminal import files

from . import sheets, writers
from .formats import Format
from .selection import select

_TOTALS = """
    select BillingCurrency, count(*), count(*) filter (not x_IsFinal), sum(BilledCost), sum(EffectiveCost)
    from temp.exported
    group by all order by all
"""
_UNDATED = """
    select count(*) from spend.invoices
    where created_at is null and (amount_paid <> 0 or (lower(status) = 'open' and is_listed))
        and ($accounts is null or list_contains($accounts, account_id))
"""
_UNIT = "select unit from spend.usage_unit"


class Total(NamedTuple):
    """What the file holds in one currency, in major units. `not_final` rows may still change."""

    currency: str
    rows: int
    not_final: int
    billed: Decimal
    effective: Decimal


class Charges(NamedTuple):
    """What to know of an export of `spend.focus`. `undated_invoices` name no date, so they are in no export."""

    totals: list[Total]
    undated_invoices: int
    usage_unit: str

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints beside the rest."""
        return {
            "rows_not_final": sum(total.not_final for total in self.totals),
            "billed_cost": {total.currency: total.billed for total in self.totals},
            "effective_cost": {total.currency: total.effective for total in self.totals},
            "undated_invoices": self.undated_invoices,
            "usage_unit": self.usage_unit,
        }


class Exported(NamedTuple):
    """One file that was written."""

    view: str
    path: Path
    format: str
    days: Days
    rows: int
    charges: Charges | None

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        view = {} if self.charges else {"view": self.view}
        about = {"output": str(self.path), "format": self.format, "from": self.days.first, "to": self.days.last}
        return view | about | {"rows": self.rows} | (self.charges.as_json() if self.charges else {})


def write(
    store: Store,
    view: str,
    path: Path,
    kind: str,
    *,
    days: Days = ALL,
    accounts: Sequence[str] = (),
    force: bool = False,
) -> Exported:
    """Write the view's rows of these days and accounts to `path`, whole or not at all; there may be none.

    Raises `SettingsError` for what is not there or cannot be chosen by; also what `stores.connect`, `files.written`
    and `writers.copy` raise.
    """
    if kind == Format.XLSX:
        sheets.require()
    with stores.connect(store) as connection:
        ids = [each.id for each in scope.scope(connection, scope.Asked(accounts)).accounts] if accounts else None
        selection = select(connection, view, days, ids)
        charges = _charges(connection, ids) if selection.view == "focus" else None
        with files.written(path, store.database, Format(kind).endings, force=force) as draft:
            writers.copy(connection, selection, draft, kind)
    return Exported(selection.view, path, kind, days, selection.rows, charges)


def _charges(connection: duckdb.DuckDBPyConnection, ids: Sequence[str] | None) -> Charges:
    totals = connection.execute(_TOTALS).fetchall()
    ((undated,),) = connection.execute(_UNDATED, {"accounts": ids}).fetchall()
    ((unit,),) = connection.execute(_UNIT).fetchall()
    return Charges([Total(*row) for row in totals], undated, unit)
