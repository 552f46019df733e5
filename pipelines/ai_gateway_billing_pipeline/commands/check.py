"""`aig-billing check`: what somebody should look at, and who is told of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.terminal import logs

from . import options, telling

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.database.checks import Finding
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
def check(
    *,
    stale_after: Annotated[
        int | None,
        typer.Option(
            "--stale-after", metavar="HOURS", min=1, max=1_000_000, help="Age at which data is stale.  [default: 36]"
        ),
    ] = None,
    credit_days: Annotated[
        int | None,
        typer.Option(
            "--credit-days",
            metavar="DAYS",
            min=0,
            max=36_500,
            help="Days that credit without automatic top-up must last.  [default: 7]",
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="ID", help="Stop reporting this finding until it gets worse; repeatable."),
    ] = None,
    notify: options.Notify = None,
    notify_url: Annotated[
        str | None, typer.Option("--notify-url", metavar="URL", help="Webhook to send new findings to, as JSON.")
    ] = None,
    remind_after: Annotated[
        int | None,
        typer.Option(
            "--remind-after", metavar="DAYS", min=1, max=36_500, help="When to send a finding again.  [default: 7]"
        ),
    ] = None,
    wait: options.Wait = 0.0,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Check credit, budgets and data, and send alerts. The exit code is 1 when there are errors."""
    from ai_gateway_billing_pipeline.alerts import survey
    from ai_gateway_billing_pipeline.database import checks, stores
    from ai_gateway_billing_pipeline.terminal import values

    now, limits = datetime.now(UTC), telling.limits(stale_after, credit_days)
    addresses = telling.addressed(notify, notify_url)
    with stores.connect(store) as connection:
        there = survey.survey(connection, now, limits)
        telling.say_which_budgets_wait(connection)
    if accept:
        there = there._replace(found=_accept(store, there.found, accept, now))
    if as_json:
        values.print_object(checks.as_json(there.found, there.names, there.since))
    elif checks.exit_code(there.found) or not logs.is_quiet():
        checks.show(there.found, there.names)
    if addresses:
        telling.tell(addresses, store, there, now, remind_days=remind_after, wait_s=wait)
    raise typer.Exit(checks.exit_code(there.found))


def _accept(store: "Store", found: "Sequence[Finding]", ids: Sequence[str], now: datetime) -> "list[Finding]":
    """Write it where the load wrote, which carries it over from then on. Returns all, marked."""
    from ai_gateway_billing_pipeline.database import checks
    from ai_gateway_billing_pipeline.loading import store as places

    known = {finding.id for finding in found}
    for name in ids:
        if name not in known:
            raise SettingsError(f"--accept {name}: no such finding. `aig-billing check` lists the IDs.")
    with places.changed(store) as database:
        for finding in found:
            if finding.id in ids:
                checks.accept(database, finding, now)
    return [finding._replace(accepted=finding.accepted or finding.id in ids) for finding in found]
