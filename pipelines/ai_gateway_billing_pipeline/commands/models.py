"""`aig-billing models`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.periods
def models(*, asked: answering.Periods, store: "Store") -> None:
    """Show spend by model. By default in the running month, as invoice previews tell it."""
    asked.answer("models", store, 1)
