"""One way for whoever reads to open what a load wrote, wherever it wrote it."""

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.settings import Store

from . import read


def connect(store: Store, sql: str | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only connection in UTC in which `ai_gateway_billing.*` and `spend.*` are as in the published file.

    All of it is as one moment saw it. Whoever asks nothing but `sql`, or the views that it names, may say so: of
    another destination no more than that is read.

    Raises `SettingsError`, `DatabaseBusyError` or `DatabaseError`.
    """
    if store.is_file:
        return read.connect(store.database)
    if store.remote is None:
        raise SettingsError(f"The address of the destination {store.destination} is not known.")
    from . import copies  # noqa: PLC0415 - nothing that the file needs

    return copies.connect(store, store.remote, sql)
