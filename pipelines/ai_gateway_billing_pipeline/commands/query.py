"""`aig-billing query`: SQL of the user's own on the published file."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing.errors import SettingsError

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
def query(
    *,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="SQL to run; - reads it from standard input.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Run SQL on the database, read-only. Times are UTC, numbers are exact."""
    if as_csv and as_json:
        raise SettingsError("Use either --csv or --json, not both.")
    from ai_gateway_billing_pipeline.database import read, stores
    from ai_gateway_billing_pipeline.terminal import output

    text = sys.stdin.read() if sql == "-" else sql
    with stores.connect(store, text) as connection:
        answer = read.query(connection, text)
        if as_json:
            output.print_json_rows(answer.columns, answer.rows)
        elif as_csv:
            output.print_csv(answer.columns, answer.rows)
        else:
            output.print_rows(answer.columns, answer.rows, answer.numbers)
