"""`aig-billing runway`."""

from typing import TYPE_CHECKING

from . import answering, options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
@answering.latest
def runway(*, asked: answering.Latest, store: "Store") -> None:
    """Show how long the credit lasts. And the next top-up, and what the month will cost."""
    asked.answer("runway", store)
