"""`aig-billing backfill`: the usage of a range of days, read again exactly."""

import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing.errors import SettingsError

from . import options
from .attempt import attempted

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Settings

_COVERAGE = "from ai_gateway_billing.usage_coverage"
"""All that has to be read of a destination other than the file."""


@options.logged
@options.loading
def backfill(
    *,
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First UTC day.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last UTC day, included.")],
    extend: Annotated[
        bool, typer.Option("--extend", help="Do not ask before reading days before the history.")
    ] = False,
    shared: options.Loading,
) -> None:
    """Read the usage of a range of UTC days again. The next load continues where the last one ended."""
    with attempted(shared) as attempt:
        from ai_gateway_billing_pipeline import settings
        from ai_gateway_billing_pipeline.loading.load import Options

        span = _range(first, last)
        resolved = settings.resolve(**shared.settings())
        estimates = ("gateway_usage_hourly", "gateway_usage_tags_hourly") if resolved.attribution else ()
        asked = Options(
            only=("usage_hourly", "usage_daily", *estimates),
            backfill=span,
            wait_s=shared.wait,
            trust_clock=shared.trust_clock,
        )
        if not extend:
            _ask_to_extend(resolved, *span)
        code = attempt.run(resolved, asked, shared.rate)
    raise typer.Exit(code)


def _range(first: str, last: str) -> tuple[date, date]:
    from ai_gateway_billing.usage.windows import EARLIEST

    begin, end = options.days(first, last)
    today = datetime.now(UTC).date()
    for option, day in (("--from", begin), ("--to", end)):
        if day > today:
            raise SettingsError(f"{option} {day} is in the future: today is {today} in UTC.")
    if begin < EARLIEST:
        raise SettingsError(f"--from {begin} is before {EARLIEST}, the earliest day that can be read.")
    return begin, end


def _ask_to_extend(resolved: "Settings", first: date, last: date) -> None:
    """Raise `SettingsError` unless the days belong to the history, go on to its beginning, or a person says yes."""
    begins = _history_begins(resolved)
    if first >= begins or last >= begins - timedelta(days=1):
        return
    what = f"The history begins on {begins}. Reading {first} to {last} leaves a gap before it, which `check` reports."
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(f"{what} Add --extend to read these days anyway.")
    sys.stderr.write(f"{what} Type yes to read these days: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "yes":
        raise SettingsError("Not confirmed. Nothing was read.")


def _history_begins(resolved: "Settings") -> date:
    """The latest first day of the accounts that are meant; the setting's where none is loaded."""
    from ai_gateway_billing.api import accounts
    from ai_gateway_billing.source import first_day
    from ai_gateway_billing_pipeline.database import holdings, stores
    from ai_gateway_billing_pipeline.loading import remotes
    from ai_gateway_billing_pipeline.settings import Store

    days: list[date] = []
    store = Store(resolved.database, resolved.destination)
    if not store.is_file or resolved.database.is_file():
        named = accounts.named(resolved.accounts)
        with suppress(SettingsError), stores.connect(remotes.found(store), _COVERAGE) as connection:  # nothing of ours
            days += [
                holding.coverage.first_day
                for holding in holdings.holdings(connection)
                if holding.coverage and (not named or holding.account_id in named)
            ]
    return max(days, default=first_day(resolved.start, datetime.now(UTC)).date())
