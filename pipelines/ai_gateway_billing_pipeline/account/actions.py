"""The commands that act on an account: which operation each sends, what it shows before, and what it says after."""

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.operations import operations
from ai_gateway_billing.operations.operations import (
    AutoTopup,
    Duration,
    Eligibility,
    Strategy,
    Topup,
    TopupLimits,
    TopupStatus,
)

from . import dollars
from . import session as changing
from .session import Asked, Lines

FEE_PERCENT = 5
"""What Cloudflare adds to the price of credits, as documented in May 2026."""


def show(asked: Asked) -> None:
    """Print the account's state."""
    with changing.opened(asked) as session:
        state = session.state
        session.tell(state.as_json(), state.lines())


def topup(asked: Asked, amount: str, payment_method: str | None) -> None:
    """Buy credits."""
    cents = dollars.cents("--amount", amount)
    with changing.opened(asked, changes=True) as session:
        operation = operations.create_topup(session.account_id, cents, payment_method_id=payment_method)
        _check(cents, session.sender.send(operations.topup_limits(session.account_id)))
        state = session.state
        card = payment_method or state.card
        charge = dollars.both(cents + cents * FEE_PERCENT // 100)
        session.change(
            operation,
            state=[
                ("Balance", state.balance()),
                ("Automatic top-up", state.automatic_topup()),
                ("Newest invoice", state.newest_invoice()),
            ],
            will=f"buy {dollars.both(cents)} of credit and charge {card} about {charge}, with {FEE_PERCENT} % fee",
            again=cents,
            done=lambda topup: _begun(topup, session.account_id),
        )


def topup_status(asked: Asked, invoice_id: str) -> None:
    """Ask whether a top-up is paid."""
    with changing.opened(asked) as session:
        session.ask(operations.topup_status(session.account_id, invoice_id), _status)


def topup_limits(asked: Asked) -> None:
    """Ask for the bounds of a top-up."""
    with changing.opened(asked) as session:
        session.ask(operations.topup_limits(session.account_id), _limits)


def topup_eligibility(asked: Asked) -> None:
    """Ask whether a top-up is possible."""
    with changing.opened(asked) as session:
        session.ask(operations.topup_eligibility(session.account_id), _eligibility)


def set_topup_config(asked: Asked, amount: str, threshold: str) -> None:
    """Set up the automatic top-up."""
    cents, below = dollars.cents("--amount", amount), dollars.cents("--threshold", threshold)
    with changing.opened(asked, changes=True) as session:
        operation = operations.set_topup_config(session.account_id, amount_cents=cents, threshold_cents=below)
        session.change(
            operation,
            state=[("Automatic top-up", session.state.automatic_topup())],
            will=f"buy {dollars.both(cents)} of credit whenever the balance falls below {dollars.both(below)}",
            again=cents,
            done=_saved,
        )


def delete_topup_config(asked: Asked) -> None:
    """End the automatic top-up."""
    with changing.opened(asked, changes=True) as session:
        session.change(
            operations.delete_topup_config(session.account_id),
            state=[("Automatic top-up", session.state.automatic_topup())],
            will="end the automatic top-up",
            again=None,
            done=lambda _: [("Done", "the automatic top-up is off")],
        )


def set_spending_limit(asked: Asked, amount: str, duration: Duration, strategy: Strategy) -> None:
    """Limit the spending, as long as the API lets anybody."""
    cents = dollars.cents("--amount", amount)
    with changing.opened(asked, changes=True) as session:
        operation = operations.set_spending_limit(
            session.account_id, amount_cents=cents, duration=duration, strategy=strategy
        )
        limit = f"{dollars.both(cents)}, {duration}, {strategy}"
        session.change(
            operation,
            state=[("Spending limit", session.state.spending_limit())],
            will=f"limit the spending to {limit}",
            again=cents,
            done=lambda _: [("Done", f"the spending limit is {limit}")],
        )


def delete_spending_limit(asked: Asked) -> None:
    """Remove the spending limit."""
    with changing.opened(asked, changes=True) as session:
        session.change(
            operations.delete_spending_limit(session.account_id),
            state=[("Spending limit", session.state.spending_limit())],
            will="remove the spending limit",
            again=None,
            done=lambda _: [("Done", "there is no spending limit")],
        )


def _check(cents: int, limits: TopupLimits) -> None:
    if limits.currency != "USD":
        raise SettingsError(f"This account pays in {limits.currency}; --amount is in dollars. Nothing was sent.")
    if not limits.min_cents <= cents <= limits.max_cents:
        bounds = f"between {dollars.both(limits.min_cents)} and {dollars.both(limits.max_cents)}"
        raise SettingsError(f"A single top-up of this account must be {bounds}. Nothing was sent.")


def _begun(topup: Topup, account_id: str) -> Lines:
    return [
        ("Started", f"the top-up is being paid; its invoice is {topup.invoice_id}"),
        ("Next", f"aig-billing account topup-status {topup.invoice_id} --account {account_id}"),
    ]


def _status(status: TopupStatus) -> Lines:
    return [("Invoice", status.invoice_id), ("Top-up", status.status)]


def _limits(limits: TopupLimits) -> Lines:
    return [
        ("Smallest", dollars.both(limits.min_cents)),
        ("Largest", dollars.both(limits.max_cents)),
        ("Currency", limits.currency),
    ]


def _eligibility(found: Eligibility) -> Lines:
    return [
        ("May top up", "yes" if found.eligible else "no"),
        ("Reason", found.reason),
        ("To do", found.recommended_action),
        ("Card", found.card_brand or "not reported"),
    ]


def _saved(saved: AutoTopup) -> Lines:
    below = dollars.both(saved.threshold_cents)
    return [("Done", f"{dollars.both(saved.amount_cents)} whenever the balance falls below {below}")]
