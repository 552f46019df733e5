"""`aig-billing doctor`: whether everything that a load needs works."""

from typing import Annotated

import typer

from . import options, telling


@options.logged
def doctor(
    *,
    account: options.Accounts = None,
    base_url: options.BaseUrl = None,
    database: options.Database = None,
    destination: options.Destination = None,
    extras: options.With = None,
    notify: options.Notify = None,
    test_notify: Annotated[
        bool, typer.Option("--test-notify", help="Send a test message to every address of --notify.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check token, permissions, clock, network and database. Says how to fix what does not work."""
    from ai_gateway_billing_pipeline import settings
    from ai_gateway_billing_pipeline.doctor import examination

    resolved = settings.resolve(
        account=account,
        base_url=base_url,
        database=database,
        destination=destination,
        attribution=options.Extra.ATTRIBUTION in (extras or ()),
    )
    raise typer.Exit(examination.run(resolved, as_json, telling.examine(notify, is_test=test_notify)))
