"""`aig-billing publish`: the views as tables, for programs that cannot run DuckDB."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.settings import Store


@options.logged
@options.reading
def publish(*, store: "Store", wait: options.Wait = 0.0, as_json: options.Json = False) -> None:
    """Write the views as tables into Postgres. For programs that cannot run DuckDB; replaces what it wrote before."""
    from ai_gateway_billing_pipeline.loading import view_tables
    from ai_gateway_billing_pipeline.terminal import output, values

    began = time.monotonic()
    rows = view_tables.publish(store, datetime.now(UTC), wait)
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        values.print_object({"destination": store.destination, "schema": "spend", "rows": rows, "seconds": seconds})
    else:
        output.print_table(["table", "rows"], [(f"spend.{name}", count) for name, count in rows.items()], right=[1])
