"""What a database lacks that this version reads: an older version wrote it, or somebody changed it."""

import re
from collections.abc import Collection

import duckdb

from ai_gateway_billing.errors import DatabaseError, SettingsError
from ai_gateway_billing.rows import bookkeeping
from ai_gateway_billing.rows.tables import ATTRIBUTION, DATASET, RESOURCES
from ai_gateway_billing_pipeline.settings import Store

from . import raw, views

STATUS = "load_status"
"""The raw table that says what was loaded."""
_LOADS = "_dlt_loads"
"""Only a load makes it."""
LACKING = (duckdb.BinderException, duckdb.CatalogException)
"""What DuckDB raises for a name that is not there."""
_VIEW = re.compile(r'\bspend\."?(\w+)')
_COLUMN = re.compile(r'column "(\w+)"')


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
    return raw.made_for({name for (name,) in loaded.fetchall()} & {*RESOURCES, *ATTRIBUTION})


def is_ours(error: duckdb.Error, sql: str, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether somebody's SQL failed because it names what every load of this version makes, and that is not there."""
    if not isinstance(error, LACKING):
        return False
    column = _COLUMN.search(str(error))
    for name in set(_VIEW.findall(sql.casefold())) & set(views.VIEWS):
        made = _columns(connection, name)
        if made is None or (column and column[1] in views.definition(name).columns.keys() - made):
            return True
    made_by_every_load = {*RESOURCES, *bookkeeping.COLUMNS, *raw.OURS}
    return bool(raw.named_in(sql) & made_by_every_load - raw.tables(connection))


def _columns(connection: duckdb.DuckDBPyConnection, view: str) -> set[str] | None:
    """Those of the view as it is there; None where it is not, or lacks something itself."""
    try:
        planned = connection.execute(f"from spend.{view}{'(null)' if view in views.MACROS else ''} limit 0")
    except LACKING:
        return None
    return {column for column, *_ in planned.description or ()}


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
