"""`aig-billing backfill`: the usage of a range of days, read again exactly."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from ai_gateway_billing.errors import SettingsError

from . import options
from .load import attempted


@options.logged
def backfill(
    *,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First UTC day.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last UTC day, included.")],
    wait: options.Wait = 0.0,
    rate: options.Rate = None,
    account: options.Accounts = None,
    base_url: options.BaseUrl = None,
    database: options.Database = None,
    destination: options.Destination = None,
    notify_url: options.NotifyUrl = None,
    as_json: options.Json = False,
) -> None:
    """Read the usage of a range of days again, exactly. Cursors stay where they are."""
    with attempted(as_json, notify_url) as attempt:
        from ai_gateway_billing_pipeline import settings
        from ai_gateway_billing_pipeline.loading.load import Options

        asked = Options(only=("usage_hourly", "usage_daily"), backfill=_range(first, last), wait_s=wait)
        resolved = settings.resolve(account=account, base_url=base_url, database=database, destination=destination)
        code = attempt.run(resolved, asked, rate)
    raise typer.Exit(code)


def _range(first: str, last: str) -> tuple[date, date]:
    begin, end = options.closed_days(first, last)
    today = datetime.now(UTC).date()
    for option, day in (("--from", begin), ("--to", end)):
        if day > today:
            raise SettingsError(f"{option} {day} lies ahead: today is {today} in UTC.")
    return begin, end
