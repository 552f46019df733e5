"""The raw tables in a DuckLake, copied as one snapshot of it has them."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ai_gateway_billing.errors import BillingError, DatabaseError, SettingsError
from ai_gateway_billing.redaction import first_line
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.settings import Remote

CATALOG = "store"
"""What DuckDB calls the lake while it is copied."""

_NAMES = "select table_name from duckdb_tables() where database_name = $1 and schema_name = $2 order by table_name"


@contextmanager
def tables(remote: Remote, name: str, into: duckdb.DuckDBPyConnection) -> Iterator["Tables"]:
    """The tables of the lake `name`, all of one snapshot. Raises `SettingsError` and `DatabaseError`."""
    try:
        for statement in remote.address:
            into.execute(statement)
    except duckdb.Error as error:
        raise _told(error, remote, name) from error
    into.begin()  # the lake is as it is now until the end
    yield Tables(into)
    into.commit()
    into.execute(f"detach {CATALOG}")


class Tables:
    """The tables that one transaction sees."""

    def __init__(self, into: duckdb.DuckDBPyConnection) -> None:
        self._into = into

    def names(self) -> list[str]:
        """All of them."""
        return [name for (name,) in self._into.execute(_NAMES, [CATALOG, DATASET]).fetchall()]

    def copy(self, name: str) -> None:
        """Make the same table outside the lake."""
        table = f'{DATASET}."{name}"'
        self._into.execute(f"create table {table} as from {CATALOG}.{table}")


def _told(error: duckdb.Error, remote: Remote, name: str) -> BillingError:
    reason = first_line(error, secret=remote.secret).rstrip(".")
    if "extension" in reason.lower():
        return SettingsError(
            f"DuckDB {duckdb.__version__} lacks an extension that {name} needs: {reason}. It installs extensions by "
            "itself where it has a network; elsewhere put them below ~/.duckdb/extensions."
        )
    if "does not exist" in reason:
        return SettingsError(
            f"{name} contains no AI Gateway billing yet ({reason}). Run `aig-billing load --destination {name}` first."
        )
    return DatabaseError(f"{name} cannot be read: {reason}. Run again when it answers.")
