"""`aig-billing check`: data-quality checks on the published file."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.terminal import logs

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.database.checks import Finding
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
def check(
    *,
    stale_after: Annotated[
        int,
        typer.Option("--stale-after", metavar="HOURS", min=1, max=1_000_000, help="Age at which data is stale."),
    ] = 36,
    credit_days: Annotated[
        int,
        typer.Option(
            "--credit-days", metavar="DAYS", min=0, max=36_500, help="Days that credit without top-up must last."
        ),
    ] = 7,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="ID", help="Stop reporting this finding until it gets worse; repeatable."),
    ] = None,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Check credit, top-ups, gaps, wrong sums, duplicates and age. The exit code is 1 when there are errors."""
    from ai_gateway_billing_pipeline.database import checks, stores
    from ai_gateway_billing_pipeline.terminal import values

    now = datetime.now(UTC)
    with stores.connect(store) as connection:
        found = list(checks.findings(connection, now, checks.Limits(stale_after, credit_days)))
    if accept:
        found = _accept(store, found, accept, now)
    if as_json:
        values.print_object(checks.as_json(found))
    elif checks.exit_code(found) or not logs.is_quiet():
        checks.show(found)
    raise typer.Exit(checks.exit_code(found))


def _accept(store: "Store", found: "Sequence[Finding]", ids: Sequence[str], now: datetime) -> "list[Finding]":
    """Write it into the published file as a load would, which carries it over from then on. Returns all, marked."""
    from ai_gateway_billing_pipeline.database import checks
    from ai_gateway_billing_pipeline.loading.workspace import Workspace

    if not store.is_file:
        raise SettingsError("--accept works on the DuckDB file only.")
    known = {finding.id for finding in found}
    for name in ids:
        if name not in known:
            raise SettingsError(f"--accept {name}: no such finding. `aig-billing check` lists the IDs.")
    with Workspace(store.database.resolve()).changed() as connection:
        for finding in found:
            if finding.id in ids:
                checks.accept(connection, finding, now)
    return [finding._replace(accepted=finding.accepted or finding.id in ids) for finding in found]
