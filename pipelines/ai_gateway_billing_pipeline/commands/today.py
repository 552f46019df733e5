"""`aig-billing today`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.latest
def today(*, asked: answering.Latest, store: "Store") -> None:
    """Show what was spent today. Beside yesterday by the same hour, the month so far, and the credit that is left."""
    asked.answer("today", store)
