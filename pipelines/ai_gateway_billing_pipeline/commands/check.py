"""`aig-billing check`: data-quality checks on the published file."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from . import options


@options.logged
def check(
    stale_after: Annotated[
        int,
        typer.Option("--stale-after", metavar="HOURS", min=1, max=87_600, help="When the last good load is too old."),
    ] = 36,
    database: options.Database = None,
    as_json: options.Json = False,
) -> None:
    """Check what was loaded for gaps, sums, duplicates, drift and age. Ends with 1 when something is wrong."""
    from ai_gateway_billing_pipeline import settings
    from ai_gateway_billing_pipeline.database import checks, read
    from ai_gateway_billing_pipeline.terminal import values

    with read.connect(settings.database_path(database)) as connection:
        found = list(checks.findings(connection, datetime.now(UTC), stale_after))
    if as_json:
        values.print_object(checks.as_json(found))
    else:
        checks.show(found)
    raise typer.Exit(checks.exit_code(found))
