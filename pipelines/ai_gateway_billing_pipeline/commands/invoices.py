"""`aig-billing invoices`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.periods
def invoices(*, asked: answering.Periods, store: "Store") -> None:
    """Show the newest invoices. By default 20: their kind, status, amounts and age."""
    asked.answer("invoices", store, 20)
