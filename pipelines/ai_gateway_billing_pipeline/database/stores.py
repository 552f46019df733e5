"""One way for whoever reads to open what a load wrote, wherever it wrote it."""

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.settings import Store

from . import read


def connect(store: Store) -> duckdb.DuckDBPyConnection:
    """A read-only connection in UTC in which `ai_gateway_billing.*` and `spend.*` are as in the published file.

    Raises `SettingsError`, `DatabaseBusyError` or `DatabaseError`.
    """
    if store.is_file:
        return read.connect(store.database)
    raise SettingsError(f"The destination {store.destination} cannot be read here. Use duckdb.")
