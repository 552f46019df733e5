"""`aig-billing export`: hands what was loaded to other tools, as a file. So far `export focus`, from `spend.focus`."""

import logging
import sys
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ai_gateway_billing.errors import BillingError, SettingsError
from ai_gateway_billing_pipeline.terminal import logs

from . import options

if TYPE_CHECKING:
    from decimal import Decimal

    import duckdb

    from ai_gateway_billing_pipeline.settings import Store

app = typer.Typer(name="export", help="Export loaded data to a file.", rich_markup_mode=None)


class Format(StrEnum):
    """What an export is written as, which is also how a file of it ends."""

    PARQUET = "parquet"
    CSV = "csv"


_WITHIN = "ChargePeriodStart >= $first and ChargePeriodStart < $until"
_TOTALS = f"""
    select BillingCurrency, count(*), count(*) filter (not x_IsFinal), sum(BilledCost), sum(EffectiveCost)
    from spend.focus where {_WITHIN}
    group by all order by all
"""  # noqa: S608 - nothing in it comes from outside
_UNDATED = """
    select count(*) from spend.invoices
    where created_at is null and (amount_paid <> 0 or (lower(status) = 'open' and is_listed))
"""
_UNIT = "select unit from spend.usage_unit"
_ROWS = f"""
    select * from spend.focus where {_WITHIN}
    order by BillingAccountId, ChargePeriodStart, ChargeCategory desc, BillingCurrency, InvoiceId
"""  # noqa: S608 - nothing in it comes from outside
_OPTIONS: dict[Format, str] = {
    Format.PARQUET: "format parquet, use_tmp_file false",
    Format.CSV: "format csv, use_tmp_file false, header true, timestampformat '%Y-%m-%dT%H:%M:%SZ'",  # for FOCUS
}
_UNIT_NOTE = (
    "Usage is taken as {}, because the API does not document its unit. AIG_BILLING_USAGE_UNIT sets it for the next "
    "load; spend.reconciliation shows whether it fits.\n"
)


class Days(NamedTuple):
    """UTC days from `first` to `last`, both included; None is as far as there is anything."""

    first: date | None = None
    last: date | None = None

    @property
    def bounds(self) -> dict[str, datetime]:
        """The same as instants, the end exclusive."""
        after = self.last + timedelta(days=1) if self.last and self.last < date.max else date.max
        return {
            "first": datetime.combine(self.first or date(1, 1, 1), time(), UTC),
            "until": datetime.combine(after, time(), UTC),
        }

    def __str__(self) -> str:
        named = [f"{word} {day}" for word, day in zip(("from", "to"), self, strict=True) if day]
        return " ".join(named) or "all days"


class Total(NamedTuple):
    """What the file holds in one currency, in major units. `not_final` rows may still change."""

    currency: str
    rows: int
    not_final: int
    billed: "Decimal"
    effective: "Decimal"


class Exported(NamedTuple):
    """One file that was written. `undated_invoices` ask for money but name no date, so they are in no export."""

    path: Path
    format: Format
    days: Days
    totals: list[Total]
    undated_invoices: int
    usage_unit: str

    @property
    def rows(self) -> int:
        """Rows of the file, all currencies together."""
        return sum(total.rows for total in self.totals)

    def as_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "output": str(self.path),
            "format": self.format,
            "from": self.days.first,
            "to": self.days.last,
            "rows": self.rows,
            "rows_not_final": sum(total.not_final for total in self.totals),
            "billed_cost": {total.currency: total.billed for total in self.totals},
            "effective_cost": {total.currency: total.effective for total in self.totals},
            "undated_invoices": self.undated_invoices,
            "usage_unit": self.usage_unit,
        }


@app.callback()
def _group() -> None:
    """Export loaded data to a file."""


@app.command("focus")
@options.logged
@options.reading
def focus(
    *,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First UTC day.  [default: the first]")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, included.  [default: the last]")
    ] = None,
    kind: Annotated[
        Format | None, typer.Option("--format", help="File format.  [default: as --output ends, else parquet]")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="PATH",
            help="File to write; - for standard output.  [default: focus_FROM_TO.FORMAT]",
        ),
    ] = None,
    force: options.Force = False,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Export the charges as a FinOps FOCUS 1.3 file (Cost and Usage)."""
    from ai_gateway_billing_pipeline.terminal import values

    days = Days(*options.days(first, last))
    form = kind or (Format.CSV if target and target.lower().endswith(".csv") else Format.PARQUET)
    path = _default_path(days, form) if target is None else options.output(target)
    options.require_one_result(path, as_json)
    exported = write(store, days, path, form, force=force)
    if as_json:
        values.print_object(exported.as_json())
    else:
        _tell(exported)


def _default_path(days: Days, kind: Format) -> Path:
    """Where an export goes when nobody says: named after its days, in the working folder."""
    if days.first and days.last:
        return Path(f"focus_{days.first}_{days.last}.{kind}")
    words = str(days).split() if any(days) else []
    return Path("_".join(["focus", *words]) + f".{kind}")


def write(store: "Store", days: Days, path: Path, kind: Format, *, force: bool = False) -> Exported:
    """Write the charges of the days to `path`, whole or not at all. An empty range gives a file without rows.

    Raises `SettingsError` when nothing has been loaded; also what `stores.connect` and `files.written` raise.
    """
    import duckdb

    from ai_gateway_billing_pipeline.database import stores
    from ai_gateway_billing_pipeline.terminal import files

    with stores.connect(store) as connection:
        try:
            totals = [Total(*row) for row in connection.execute(_TOTALS, days.bounds).fetchall()]
            ((undated,),) = connection.execute(_UNDATED).fetchall()
            ((unit,),) = connection.execute(_UNIT).fetchall()
        except duckdb.CatalogException as error:
            raise SettingsError(f"{store} contains no spend.focus yet. Run `aig-billing load` first.") from error
        with files.written(path, store.database, [f".{kind}"], force=force) as draft:
            copy(connection, days, draft, kind)
    return Exported(path, kind, days, totals, undated, unit)


def copy(connection: "duckdb.DuckDBPyConnection", days: Days, path: Path, kind: Format) -> None:
    """Write the charges of these days into the file. Raises `BillingError` when it cannot be written."""
    import duckdb

    target = str(path).replace("'", "''")
    rows = _without_formulas(connection, days) if kind is Format.CSV else _ROWS
    try:
        connection.execute(f"copy ({rows}) to '{target}' ({_OPTIONS[kind]})", days.bounds)
    except duckdb.IOException as error:
        raise BillingError(f"The file could not be written: {error}") from error


def _without_formulas(connection: "duckdb.DuckDBPyConnection", days: Days) -> str:
    """The rows for a CSV file, which people open in spreadsheets: texts as `values.no_formula` gives them."""
    from ai_gateway_billing_pipeline.terminal.values import FORMULA, PLAIN_NAME

    columns = connection.execute(f"describe {_ROWS}", days.bounds).fetchall()
    safe = [
        f"case when regexp_full_match({name}, '{FORMULA}') and not regexp_full_match({name}, '{PLAIN_NAME}') "
        f"then chr(39) || {name} else {name} end as {name}"
        for name, kind, *_ in columns
        if kind == "VARCHAR"
    ]
    return f"select * replace ({', '.join(safe)}) from ({_ROWS})"  # noqa: S608 - names of our own view


def _tell(exported: Exported) -> None:
    """Print what was written; for people, standard error tells what they should know before they use it."""
    from ai_gateway_billing_pipeline.terminal import files

    if not files.is_standard_output(exported.path):
        _print(exported)
    if exported.totals:
        logs.tell(_UNIT_NOTE.format(exported.usage_unit), logging.INFO)
    if exported.undated_invoices:
        logs.tell(
            f"Left out: {exported.undated_invoices} invoices without a date. See spend.invoices.", logging.WARNING
        )


def _print(exported: Exported) -> None:
    from ai_gateway_billing_pipeline.terminal import output

    if not exported.totals:
        sys.stdout.write(f"No charges, {exported.days}: {exported.path} has no rows\n")
        return
    sys.stdout.write(f"{exported.rows} charges, {exported.days}, are in {exported.path}\n\n")
    columns = ["currency", "charges", "may still change", "billed", "effective"]
    output.print_table(columns, exported.totals, right=[1, 2, 3, 4])
