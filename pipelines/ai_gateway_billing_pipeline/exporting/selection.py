"""Which rows of which view an export takes: by days and accounts, where the view has them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import quoting, views
from ai_gateway_billing_pipeline.database.scope import ALL, Days
from ai_gateway_billing_pipeline.terminal.values import cut

ROWS = "temp.exported"
"""Where a selection is, in order."""
_ACCOUNT = ("account_id", "BillingAccountId")
_DAY = (
    "ChargePeriodStart",
    "hour",
    "day",
    "billing_month",
    "month",
    "starts_at",
    "starts",
    "period_start",
    "created_at",
    "valid_from",
    "observed_at",
)
"""What the rows of a view are of, in time: the first that it has."""
_MONTHS = ("billing_month", "month")
_ORDER = ("BillingAccountId", "ChargePeriodStart", "ChargeCategory desc", "BillingCurrency", "InvoiceId")
_VIEWS = """
    select view_name from duckdb_views()
    where schema_name = 'spend' and database_name = current_database() and not internal
    order by view_name
"""


class Field(NamedTuple):
    """A column with its type, as DuckDB spells it."""

    name: str
    kind: str

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return quoting.name(self.name)

    @property
    def is_nested(self) -> bool:
        """A list, a structure, or a map."""
        return self.kind.endswith("]") or self.kind.startswith(("STRUCT", "MAP", "UNION"))


class Selection(NamedTuple):
    """Rows of a view, kept in a temporary table of the connection: a view takes long, and is needed more than once."""

    view: str
    fields: Sequence[Field]
    rows: int


def select(
    connection: duckdb.DuckDBPyConnection, view: str, days: Days = ALL, account_ids: Sequence[str] | None = None
) -> Selection:
    """The rows of the view in `ROWS`, always in the same order; of all accounts where None is given.

    Raises `SettingsError` for a view that is none, or that has no such column to choose by; `duckdb.CatalogException`
    for one that an older version did not have.
    """
    name = _found(connection, view)
    described = connection.execute(f'describe spend."{name}"').fetchall()
    fields = [Field(column, kind) for column, kind, *_ in described]
    held = {field.name: field for field in fields}
    conditions: list[str] = []
    parameters: dict[str, Any] = {}
    if any(days):
        moment = _first(held, _DAY, f"spend.{name} has no time to choose by. Leave out --from and --to.")
        conditions.append(_within(moment))
        parameters |= days.bounds
    if account_ids is not None:
        account = _first(held, _ACCOUNT, f"spend.{name} has no accounts to choose by. Leave out --account.")
        conditions.append(f"list_contains($accounts, {account.quoted})")
        parameters["accounts"] = list(account_ids)
    where = f" where {' and '.join(conditions)}" if conditions else ""
    order = ", ".join(_ORDER) if name == "focus" else "all"
    query = f'select * from spend."{name}"{where} order by {order}'  # noqa: S608 - names of the database's own
    connection.execute(f"create or replace temp table exported as {query}", parameters)
    ((rows,),) = connection.execute(f"select count(*) from {ROWS}").fetchall()  # noqa: S608 - a constant
    return Selection(name, fields, rows)


def _found(connection: duckdb.DuckDBPyConnection, view: str) -> str:
    """Its name in the database; letter case and the name of the schema before it are no matter."""
    names = [name for (name,) in connection.execute(_VIEWS).fetchall()]
    if not names:
        raise SettingsError("The database contains no spend.focus or other view yet. Run `aig-billing load` first.")
    wanted = view.strip().lower().removeprefix("spend.")
    for name in names:
        if name.lower() == wanted:
            return str(name)
    if wanted in set(views.VIEWS) - set(views.MACROS):
        return wanted  # that the database lacks it is told as ever
    raise SettingsError(f"There is no view {cut(view, 40)} in schema spend. Choose one of: {', '.join(names)}.")


def _first(held: dict[str, Field], names: Sequence[str], otherwise: str) -> Field:
    found = next((held[name] for name in names if name in held), None)
    if found is None:
        raise SettingsError(otherwise)
    return found


def _within(moment: Field) -> str:
    """Also of a month that only begins before the first day, and of dates, which have no hours."""
    first = "date_trunc('month', $first)" if moment.name in _MONTHS else "$first"
    return f"{moment.quoted}::timestamptz >= {first} and {moment.quoted}::timestamptz < $until"
