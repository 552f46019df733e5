"""What a database lacks that this version reads: an older version wrote it, or somebody changed it."""

from collections.abc import Collection

import duckdb

from ai_gateway_billing.errors import DatabaseError, SettingsError
from ai_gateway_billing.rows.tables import ATTRIBUTION, DATASET, RESOURCES
from ai_gateway_billing_pipeline.settings import Store

STATUS = "load_status"
"""The raw table that says what was loaded."""
_LOADS = "_dlt_loads"
"""Only a load makes it."""
_USAGE = {"usage_hourly", "usage_daily"}


def refuse_lost(connection: duckdb.DuckDBPyConnection, present: Collection[str], store: Store) -> None:
    """A table that was loaded and dropped would count as empty, and days without usage as proved silent.

    `present`: the raw tables of the store. Raises `DatabaseError`.
    """
    lost = {STATUS} - set(present) if store.is_file and _LOADS in present else set()
    if STATUS in present:
        lost |= _loaded(connection) - set(present)
    if lost:
        names = ", ".join(sorted(lost))
        raise DatabaseError(f"{store} has lost what was loaded: {names}. {_load(store)}, which reads it again.")


def _loaded(connection: duckdb.DuckDBPyConnection) -> set[str]:
    loaded = connection.execute(f"select distinct resource from {DATASET}.{STATUS} where last_success_at is not null")  # noqa: S608 - names of ours
    needed = {name for (name,) in loaded.fetchall()} & {*RESOURCES, *ATTRIBUTION}
    if needed & _USAGE:
        needed.add("usage_coverage")
    return needed


def refusal(error: duckdb.Error, store: Store, *, is_empty: bool) -> SettingsError:
    """What to tell when our own SQL names a table, a view, a macro or a column that the store does not have."""
    if is_empty:
        return SettingsError(f"{store} contains no AI Gateway billing yet. {_load(store)} first.")
    words = str(error).strip().partition("\n")[0].partition(" Error: ")[2].rstrip(".! ")
    return SettingsError(
        f"{store} was written by another version of aig-billing, or changed since: {words}. "
        f"{_load(store)} once, which renews it."
    )


def _load(store: Store) -> str:
    return "Run `aig-billing load`" if store.is_file else f"Run `aig-billing load --destination {store.destination}`"
