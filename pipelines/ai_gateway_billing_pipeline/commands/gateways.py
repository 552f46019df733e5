"""`aig-billing gateways`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.periods
def gateways(*, asked: answering.Periods, store: "Store") -> None:
    """Show who spent it, by estimate. By default the bill of the last 30 days by gateway."""
    asked.answer("gateways", store, 30)
