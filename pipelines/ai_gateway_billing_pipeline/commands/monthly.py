"""`aig-billing monthly`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.periods
def monthly(*, asked: answering.Periods, store: "Store") -> None:
    """Show spend per UTC month. By default the last 12 months."""
    asked.answer("monthly", store, 12)
