"""`aig-billing export`: hands a view of schema `spend` to other tools, as a file."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing_pipeline.exporting import formats
from ai_gateway_billing_pipeline.terminal import logs

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.database.scope import Days
    from ai_gateway_billing_pipeline.exporting.exports import Charges, Exported
    from ai_gateway_billing_pipeline.settings import Store

_UNIT_NOTE = (
    "Usage is taken as {}, because the API does not document its unit. AIG_BILLING_USAGE_UNIT sets it for the next "
    "load; spend.reconciliation shows whether it fits.\n"
)


@options.logged
@options.reading
def export(
    *,
    view: Annotated[str, typer.Argument(metavar="VIEW", help="A view of schema spend: focus, daily, and others.")],
    kind: Annotated[
        formats.Format | None, typer.Option("--format", help="File format.  [default: as --output ends, else parquet]")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="PATH", help="File to write; - for standard output.  [default: VIEW_FROM_TO.FORMAT]"
        ),
    ] = None,
    first: answering.First = None,
    last: answering.Last = None,
    account: answering.Named = None,
    force: options.Force = False,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Export a view as a file. `focus` are the charges as FinOps FOCUS 1.3 (Cost and Usage)."""
    from ai_gateway_billing_pipeline.database.scope import Days
    from ai_gateway_billing_pipeline.exporting import exports
    from ai_gateway_billing_pipeline.terminal import values

    days = Days(*options.days(first, last))
    form = kind or formats.by_ending(target or "")
    path = _default_path(view, days, form) if target is None else options.output(target)
    options.require_one_result(path, as_json)
    exported = exports.write(store, view, path, form, days=days, accounts=account or (), force=force)
    if as_json:
        values.print_object(exported.as_json())
    else:
        _tell(exported)


def _default_path(view: str, days: "Days", kind: formats.Format) -> Path:
    """Where an export goes when nobody says: named after its days, in the working folder."""
    name = view.strip().lower().removeprefix("spend.").replace("/", "_")
    if days.first and days.last:
        return Path(f"{name}_{days.first}_{days.last}.{kind}")
    words = str(days).split() if any(days) else []
    return Path("_".join([name, *words]) + f".{kind}")


def _tell(exported: "Exported") -> None:
    """Print what was written; for people, standard error tells what they should know before they use it."""
    from ai_gateway_billing_pipeline.terminal import files

    if not files.is_standard_output(exported.path):
        _print(exported)
    charges = exported.charges
    if charges and charges.totals:
        logs.tell(_UNIT_NOTE.format(charges.usage_unit), logging.INFO)
    if charges and charges.undated_invoices:
        logs.tell(f"Left out: {charges.undated_invoices} invoices without a date. See spend.invoices.", logging.WARNING)


def _print(exported: "Exported") -> None:
    what = "charges" if exported.charges else f"row{'s' * (exported.rows != 1)} of spend.{exported.view}"
    if not exported.rows:
        sys.stdout.write(f"No {what}, {exported.days}: {exported.path} has no rows\n")
        return
    verb = "is" if exported.rows == 1 and not exported.charges else "are"
    sys.stdout.write(f"{exported.rows} {what}, {exported.days}, {verb} in {exported.path}\n")
    if exported.charges:
        _print_sums(exported.charges)


def _print_sums(charges: "Charges") -> None:
    from ai_gateway_billing_pipeline.terminal import output

    sys.stdout.write("\n")
    columns = ["currency", "charges", "may still change", "billed", "effective"]
    output.print_table(columns, charges.totals, right=[1, 2, 3, 4])
