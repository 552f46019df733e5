"""What only a DuckLake has: a catalog in another database, a past, and many small files."""

import logging
from typing import Any

import duckdb
from dlt.destinations.exceptions import DatabaseException

from ai_gateway_billing.redaction import first_line
from ai_gateway_billing_pipeline.database import views

from .sql import Sql

KEPT = "1 day"
"""How long a version of the lake can still be asked for: longer than any reader takes."""

_TIDYING = (
    "call ducklake_merge_adjacent_files('{lake}')",
    f"call ducklake_expire_snapshots('{{lake}}', older_than => now() - interval '{KEPT}')",
    f"call ducklake_cleanup_old_files('{{lake}}', older_than => now() - interval '{KEPT}')",
)

log = logging.getLogger(__name__)


def catalog_url(credentials: Any) -> str:
    """The address of the database that is the lake's catalog, with its password."""
    return str(credentials.catalog.to_url().render_as_string(hide_password=False))


def name(credentials: Any) -> str:
    """What tells lakes apart that share a catalog."""
    return str(credentials.metadata_schema or credentials.ducklake_name)


def store_views(connection: duckdb.DuckDBPyConnection, usage_unit: str) -> None:
    """Make schema `spend` in the lake, for whoever attaches it. What goes wrong is a warning: we do not need it."""
    try:
        views.store(connection, usage_unit)
    except duckdb.Error as error:
        reason = first_line(error).rstrip(".")
        log.warning("The lake was loaded, but the views of spend could not be stored in it: %s.", reason)


def tidy(sql: Sql, lake: str) -> None:
    """Join small files, and drop versions and files that nobody reads any more. What goes wrong is a warning."""
    for statement in _TIDYING:
        try:
            sql.execute(statement.format(lake=lake))
        except DatabaseException as error:
            log.warning("The lake was loaded, but not tidied up: %s. The next load tries again.", first_line(error))
            return
