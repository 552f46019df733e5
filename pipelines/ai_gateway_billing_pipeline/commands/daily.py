"""`aig-billing daily`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.periods
def daily(*, asked: answering.Periods, store: "Store") -> None:
    """Show spend per UTC day. By default the last 14 days."""
    asked.answer("daily", store, 14)
