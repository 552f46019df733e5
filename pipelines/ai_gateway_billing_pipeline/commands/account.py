"""The command group `aig-billing account`: everything that asks about or changes an account. No load comes here.

`forget` alone sends nothing: it deletes what is stored here, and leads to nothing that could do more.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.account.session import Asked

app = typer.Typer(
    name="account",
    help="Look at an account, top it up, change what it pays. Changing needs a token with AI Gateway Write.",
    rich_markup_mode=None,
)
topup_config = typer.Typer(
    name="topup-config", help="Change the automatic top-up. Cloudflare refuses this to tokens.", rich_markup_mode=None
)
spending_limit = typer.Typer(
    name="spending-limit", help="Remove the spending limit. Setting one is a thing of the past.", rich_markup_mode=None
)
app.add_typer(topup_config)
app.add_typer(spending_limit)


class Duration(StrEnum):
    """How long a spending limit counts."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Strategy(StrEnum):
    """How a spending limit counts."""

    FIXED = "fixed"
    SLIDING = "sliding"


Account = Annotated[str | None, typer.Option("--account", metavar="ID", help="The account; needed with --yes.")]
Amount = Annotated[str, typer.Option("--amount", metavar="DOLLARS", help="Like 50.00; at most two decimals.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the request, without the token, and do not send it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing; only together with --account ID.")]


def _asked(account: str | None, base_url: str | None, *, dry_run: bool, as_json: bool, yes: bool = False) -> "Asked":
    from ai_gateway_billing_pipeline.account.session import Asked

    return Asked(account, base_url, dry_run, as_json, yes)


@app.command()
@options.logged
def show(account: Account = None, base_url: options.BaseUrl = None, as_json: options.Json = False) -> None:
    """Show balance, automatic top-up, spending limit and the newest invoices, as they are now."""
    asked = _asked(account, base_url, dry_run=False, as_json=as_json)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.show(asked)


@app.command()
@options.logged
def topup(
    *,
    amount: Amount,
    payment_method: Annotated[
        str | None, typer.Option("--payment-method", metavar="ID", help="Charge this instead of the default card.")
    ] = None,
    account: Account = None,
    base_url: options.BaseUrl = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Buy credits with the card on file, $10.00 at least. Sent once; asks for the amount again first."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json, yes=yes)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.topup(asked, amount, payment_method)


@app.command()
@options.logged
def topup_status(
    *,
    invoice_id: Annotated[str, typer.Argument(metavar="ID", help="The invoice that the top-up told: in_…")],
    account: Account = None,
    base_url: options.BaseUrl = None,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Tell whether a top-up is completed or pending. Changes nothing."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.topup_status(asked, invoice_id)


@app.command()
@options.logged
def topup_limits(
    *,
    account: Account = None,
    base_url: options.BaseUrl = None,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Tell the smallest and the largest single top-up. Changes nothing."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.topup_limits(asked)


@app.command()
@options.logged
def topup_eligibility(
    *,
    account: Account = None,
    base_url: options.BaseUrl = None,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Tell whether the account may top itself up, and if not, why. Changes nothing."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.topup_eligibility(asked)


@app.command()
@options.logged
def forget(
    *,
    account_id: Annotated[str, typer.Argument(metavar="ID", help="The account, as `aig-billing status` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    wait: options.Wait = 0.0,
    database: options.Database = None,
    as_json: options.Json = False,
) -> None:
    """Delete what is stored of an account on this machine. Says what first; sends nothing and needs no token."""
    from . import forget as command

    command.forget(account_id, database, is_sure=yes, wait_s=wait, as_json=as_json)


@topup_config.command("set")
@options.logged
def set_topup_config(
    *,
    amount: Amount,
    threshold: Annotated[
        str, typer.Option("--threshold", metavar="DOLLARS", help="Buy when the balance falls below; 5.00 at least.")
    ],
    account: Account = None,
    base_url: options.BaseUrl = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Buy credits automatically. Documented to refuse every token: use the dashboard."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json, yes=yes)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.set_topup_config(asked, amount, threshold)


@topup_config.command("delete")
@options.logged
def delete_topup_config(
    *,
    account: Account = None,
    base_url: options.BaseUrl = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """End the automatic top-up. Documented to refuse every token: use the dashboard."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json, yes=yes)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.delete_topup_config(asked)


@spending_limit.command("set")
@options.logged
def set_spending_limit(
    *,
    amount: Amount,
    duration: Annotated[Duration, typer.Option("--duration", help="How long it counts.")],
    strategy: Annotated[Strategy, typer.Option("--strategy", help="How it counts.")],
    account: Account = None,
    base_url: options.BaseUrl = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Limit the account's spending. Deprecated, documented to be refused: use the gateway's own spend limits."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json, yes=yes)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.set_spending_limit(asked, amount, duration.value, strategy.value)


@spending_limit.command("delete")
@options.logged
def delete_spending_limit(
    *,
    account: Account = None,
    base_url: options.BaseUrl = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Remove the account's spending limit."""
    asked = _asked(account, base_url, dry_run=dry_run, as_json=as_json, yes=yes)
    from ai_gateway_billing_pipeline.account import actions as commands

    commands.delete_spending_limit(asked)
