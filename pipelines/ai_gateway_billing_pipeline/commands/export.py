"""`aig-billing export focus`: hands the rows of `spend.focus` to other tools as one Parquet or CSV file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb

from ai_gateway_billing.errors import BillingError, SettingsError
from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.terminal import output

Format = Literal["parquet", "csv"]

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
    "parquet": "format parquet, use_tmp_file false",
    "csv": "format csv, use_tmp_file false, header true, timestampformat '%Y-%m-%dT%H:%M:%SZ'",  # FOCUS wants the Z
}
_UNIT_NOTE = (
    "Usage is counted in {}, which the API does not document: AIG_BILLING_USAGE_UNIT sets it for the next load, "
    "and spend.reconciliation tells whether it fits.\n"
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
    billed: Decimal
    effective: Decimal


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


def default_path(days: Days, kind: Format) -> Path:
    """Where an export goes when nobody says: named after its days, in the working folder."""
    if days.first and days.last:
        return Path(f"focus_{days.first}_{days.last}.{kind}")
    words = str(days).split() if any(days) else []
    return Path("_".join(["focus", *words]) + f".{kind}")


def focus(database: Path, days: Days, path: Path, kind: Format, *, overwrite: bool = False) -> Exported:
    """Write the charges of the days to `path`, whole or not at all. An empty range gives a file without rows.

    Raises `SettingsError` for a reversed range, for a path that is taken or cannot be written, and when nothing has
    been loaded; also what `read.connect` raises.
    """
    if days.first and days.last and days.first > days.last:
        raise SettingsError(f"--from {days.first} lies after --to {days.last}. Give the earlier day first.")
    with read.connect(database) as connection:
        _check(path, database, overwrite=overwrite)
        try:
            totals = [Total(*row) for row in connection.execute(_TOTALS, days.bounds).fetchall()]
            ((undated,),) = connection.execute(_UNDATED).fetchall()
            ((unit,),) = connection.execute(_UNIT).fetchall()
        except duckdb.CatalogException as error:
            raise SettingsError(f"{database} holds no spend.focus yet. Run `aig-billing load` first.") from error
        with _replacing(path) as draft:
            _copy(connection, days, draft, kind)
    return Exported(path, kind, days, totals, undated, unit)


def tell(exported: Exported, *, as_json: bool) -> None:
    """Print what was written; for people, standard error tells what they should know before they use it."""
    if as_json:
        output.print_object(exported.as_json())
        return
    if exported.totals:
        sys.stdout.write(f"{exported.rows} charges, {exported.days}, are in {exported.path}\n\n")
        columns = ["currency", "charges", "may still change", "billed", "effective"]
        output.print_table(columns, exported.totals, right=[1, 2, 3, 4])
        sys.stderr.write(_UNIT_NOTE.format(exported.usage_unit))
    else:
        sys.stdout.write(f"No charges, {exported.days}: {exported.path} has no rows\n")
    if exported.undated_invoices:
        sys.stderr.write(f"Left out: {exported.undated_invoices} invoices without a date, see spend.invoices.\n")


def _check(path: Path, database: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise SettingsError(f"--output {path} is a folder. Name a file in it.")
    if path.exists() and path.samefile(database):
        raise SettingsError(f"--output {path} is the database itself.")
    if path.exists() and not overwrite:
        raise SettingsError(f"{path} exists already. Choose another --output, or replace it with --force.")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place once it is complete, and leaves no trace when that fails."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb"):
            pass  # a place that cannot be written is told by the system's own words
        yield draft
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        draft.replace(path)
    except OSError as error:
        raise SettingsError(f"Cannot write {path}: {error.strerror}. Choose another --output.") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def _copy(connection: duckdb.DuckDBPyConnection, days: Days, path: Path, kind: Format) -> None:
    target = str(path).replace("'", "''")
    try:
        connection.execute(f"copy ({_ROWS}) to '{target}' ({_OPTIONS[kind]})", days.bounds)
    except duckdb.IOException as error:
        raise BillingError(f"The file could not be written: {error}") from error
