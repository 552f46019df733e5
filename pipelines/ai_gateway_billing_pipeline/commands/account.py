"""The command group `aig-billing account`: everything that asks about or changes an account. No load comes here.

`forget` alone sends nothing: it deletes what is stored here, and leads to nothing that could do more.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.account.session import Asked
    from ai_gateway_billing_pipeline.settings import Store

app = typer.Typer(
    name="account",
    help="Show, top up or change an account. Changes need a token with AI Gateway Write.",
    rich_markup_mode=None,
)
topup_config = typer.Typer(
    name="topup-config", help="Change automatic top-up. Cloudflare refuses this for API tokens.", rich_markup_mode=None
)
spending_limit = typer.Typer(
    name="spending-limit",
    help="Remove the spending limit. Cloudflare no longer allows setting one.",
    rich_markup_mode=None,
)
app.add_typer(topup_config)
app.add_typer(spending_limit)


class Duration(StrEnum):
    """Limit period."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Strategy(StrEnum):
    """Fixed or sliding window."""

    FIXED = "fixed"
    SLIDING = "sliding"


Account = Annotated[str | None, typer.Option("--account", metavar="ID", help="Account ID; required with --yes.")]
Amount = Annotated[str, typer.Option("--amount", metavar="DOLLARS", help="Amount in dollars, such as 50.00.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the request without the token; do not send it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation; needs --account ID.")]


def _question(
    *, account: Account = None, base_url: options.BaseUrl = None, dry_run: DryRun = False, as_json: options.Json = False
) -> "Asked":
    from ai_gateway_billing_pipeline.account.session import Asked

    return Asked(account, base_url, dry_run, as_json)


def _change(
    *,
    account: Account = None,
    base_url: options.BaseUrl = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: options.Json = False,
) -> "Asked":
    from ai_gateway_billing_pipeline.account.session import Asked

    return Asked(account, base_url, dry_run, as_json, yes)


_asking = options.in_place_of("asked", _question)
_changing = options.in_place_of("asked", _change)


@app.command()
@options.logged
def show(account: Account = None, base_url: options.BaseUrl = None, as_json: options.Json = False) -> None:
    """Show the balance, limits and newest invoices now. Also automatic top-up."""
    from ai_gateway_billing_pipeline.account import actions
    from ai_gateway_billing_pipeline.account.session import Asked

    actions.show(Asked(account, base_url, is_dry=False, as_json=as_json))


@app.command()
@options.logged
@_changing
def topup(
    *,
    amount: Amount,
    payment_method: Annotated[
        str | None,
        typer.Option("--payment-method", metavar="ID", help="Payment method to charge, if not the default card."),
    ] = None,
    asked: "Asked",
) -> None:
    """Buy credit with the card on file, at least $10.00. Type the amount again to confirm. The request is sent once."""
    from ai_gateway_billing_pipeline.account import actions

    actions.topup(asked, amount, payment_method)


@app.command()
@options.logged
@_asking
def topup_status(
    *,
    invoice_id: Annotated[str, typer.Argument(metavar="ID", help="Invoice ID printed by `account topup`: in_…")],
    asked: "Asked",
) -> None:
    """Show whether a top-up is completed or pending. Changes nothing."""
    from ai_gateway_billing_pipeline.account import actions

    actions.topup_status(asked, invoice_id)


@app.command()
@options.logged
@_asking
def topup_limits(
    *,
    asked: "Asked",
) -> None:
    """Show the smallest and the largest single top-up. Changes nothing."""
    from ai_gateway_billing_pipeline.account import actions

    actions.topup_limits(asked)


@app.command()
@options.logged
@_asking
def topup_eligibility(
    *,
    asked: "Asked",
) -> None:
    """Show whether the account can top up, or why not. Changes nothing."""
    from ai_gateway_billing_pipeline.account import actions

    actions.topup_eligibility(asked)


@app.command()
@options.logged
@options.reading
def forget(
    *,
    account_id: Annotated[str, typer.Argument(metavar="ID", help="Account ID, as `aig-billing status` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    wait: options.Wait = 0.0,
    store: "Store",
    as_json: options.Json = False,
) -> None:
    """Delete an account's stored data. Shows it first. Sends nothing and needs no token."""
    from . import forget as command

    command.forget(account_id, store, is_sure=yes, wait_s=wait, as_json=as_json)


@topup_config.command("set")
@options.logged
@_changing
def set_topup_config(
    *,
    amount: Amount,
    threshold: Annotated[
        str,
        typer.Option("--threshold", metavar="DOLLARS", help="Buy when the balance falls below this; at least 5.00."),
    ],
    asked: "Asked",
) -> None:
    """Set up automatic top-up. Cloudflare documents that it refuses API tokens: use the dashboard."""
    from ai_gateway_billing_pipeline.account import actions

    actions.set_topup_config(asked, amount, threshold)


@topup_config.command("delete")
@options.logged
@_changing
def delete_topup_config(
    *,
    asked: "Asked",
) -> None:
    """Turn off automatic top-up. Cloudflare documents that it refuses API tokens: use the dashboard."""
    from ai_gateway_billing_pipeline.account import actions

    actions.delete_topup_config(asked)


@spending_limit.command("set")
@options.logged
@_changing
def set_spending_limit(
    *,
    amount: Amount,
    duration: Annotated[Duration, typer.Option("--duration", help="Limit period.")],
    strategy: Annotated[Strategy, typer.Option("--strategy", help="Fixed or sliding window.")],
    asked: "Asked",
) -> None:
    """Set a spending limit. Deprecated: Cloudflare refuses it. Use the gateway's own spend limits."""
    from ai_gateway_billing_pipeline.account import actions

    actions.set_spending_limit(asked, amount, duration.value, strategy.value)


@spending_limit.command("delete")
@options.logged
@_changing
def delete_spending_limit(
    *,
    asked: "Asked",
) -> None:
    """Remove the account's spending limit."""
    from ai_gateway_billing_pipeline.account import actions

    actions.delete_spending_limit(asked)
