"""One way for whoever reads to open what a load wrote, wherever it wrote it."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing_pipeline.settings import Store

from . import lacking, raw, read


@contextmanager
def connect(store: Store, sql: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection in UTC in which `ai_gateway_billing.*` and `spend.*` are as in the published file.

    All of it is as one moment saw it. Whoever asks nothing but `sql`, or the views that it names, may say so: of
    another destination no more than that is read.

    Raises `SettingsError`, `DatabaseBusyError` or `DatabaseError`; a table, view or column that our own SQL names and
    that is not there becomes one of them, because an older version wrote the database or somebody changed it.
    """
    with _opened(store, sql) as connection:
        try:
            if store.is_file and sql is None:
                lacking.refuse_lost(connection, raw.tables(connection), store)
            yield connection
        except lacking.LACKING as error:
            raise lacking.refusal(error, store, is_empty=not raw.tables(connection) & set(TABLES)) from error


def _opened(store: Store, sql: str | None) -> duckdb.DuckDBPyConnection:
    if store.is_file:
        return read.connect(store.database)
    if store.remote is None:
        raise SettingsError(f"The address of the destination {store.destination} is not known.")
    from . import copies  # noqa: PLC0415 - nothing that the file needs

    return copies.connect(store, store.remote, sql)
