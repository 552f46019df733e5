"""`aig-billing load`: one incremental load of everything."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_gateway_billing.errors import SettingsError

from . import options
from .attempt import attempted

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Settings


class Grouping(StrEnum):
    """Which usage to read."""

    HOUR = "hour"
    DAY = "day"
    BOTH = "both"


@options.logged
@options.loading
def load(
    *,
    demo: Annotated[
        bool, typer.Option("--demo", help="Load a simulated account into demo.duckdb; needs no token.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="RESOURCE", help="Load only this resource; repeatable.")
    ] = None,
    lookback: Annotated[
        int | None,
        typer.Option(
            "--lookback",
            metavar="DAYS",
            min=0,
            max=36_500,
            help="UTC days to read again.  [default: 3, and 35 once a day]",
        ),
    ] = None,
    grouping: Annotated[Grouping, typer.Option("--grouping", help="Usage to read.")] = Grouping.BOTH,
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="Read the whole history again.")] = False,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="DATE", help="First UTC day of the history.  [default: 2025-08-01]"),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Load accounts that another shard loads, and make them this one's.")
    ] = False,
    shared: options.Loading,
) -> None:
    """Load what is new and what may have changed. Safe to run at any interval."""
    with attempted(shared) as attempt:
        from ai_gateway_billing_pipeline import settings
        from ai_gateway_billing_pipeline.loading.load import Options

        asked = Options(
            only=_resources(only or [], grouping),
            grouping=grouping.value,
            lookback_days=lookback,
            full_refresh=full_refresh,
            wait_s=shared.wait,
            is_demo=demo,
            trust_clock=shared.trust_clock,
            take_over=take_over,
        )
        given = shared.settings() | {"start": start}
        source: AbstractContextManager[Settings] = _demo(given) if demo else nullcontext(settings.resolve(**given))
        with source as resolved:
            _refuse_without_attribution(asked.only, resolved)
            code = attempt.run(resolved, asked, shared.rate)
    raise typer.Exit(code)


def _resources(names: Sequence[str], grouping: Grouping) -> Sequence[str]:
    from ai_gateway_billing.rows.tables import ATTRIBUTION, RESOURCES

    for name in names:
        if name not in (*RESOURCES, *ATTRIBUTION):
            raise SettingsError(
                f"--only {name}: no such resource. Choose from {', '.join((*RESOURCES, *ATTRIBUTION))}."
            )
        left_out = {Grouping.HOUR: "usage_daily", Grouping.DAY: "usage_hourly"}.get(grouping)
        if name == left_out:
            raise SettingsError(
                f"--grouping {grouping} does not read {name}, which --only selects. Remove one of the two options."
            )
    return names


def _refuse_without_attribution(names: Sequence[str], resolved: "Settings") -> None:
    from ai_gateway_billing.rows.tables import ATTRIBUTION

    if not resolved.attribution and (own := [name for name in names if name in ATTRIBUTION]):
        raise SettingsError(
            f"--only {own[0]} selects an estimate, which is read with attribution. Add --with attribution."
        )


@contextmanager
def _demo(given: Mapping[str, Any]) -> Iterator["Settings"]:
    """Settings for a simulated account that is served on loopback as long as this lasts."""
    from dataclasses import replace

    from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_START, DEMO_TOKEN, Simulator, demo_world
    from ai_gateway_billing_pipeline import settings

    if given["account"] or given["base_url"]:
        raise SettingsError("--demo uses its own account and base URL. Remove --account and --base-url.")
    with Simulator(demo_world()).serve() as url:
        own = {
            "account": [DEMO_ACCOUNT_ID],
            "base_url": url,
            "start": given["start"] or f"{DEMO_START:%Y-%m-%d}",
            "database": given["database"] or settings.DEMO_DATABASE,
            "attribution": True,
        }
        yield replace(settings.resolve(**{**given, **own}), api_token=DEMO_TOKEN, attribution_tags=("team",))
