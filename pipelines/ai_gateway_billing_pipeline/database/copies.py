"""A destination other than the DuckDB file, as readers see it: a copy of one moment in a DuckDB file of their own.

Copied once, because a command asks several times, and every view reads its tables whole. What reads the copy has no
way to the destination: `query` is confined as in the published file, and no login is in its reach.
"""

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from ai_gateway_billing.errors import DatabaseError, SettingsError
from ai_gateway_billing.redaction import first_line
from ai_gateway_billing.rows.tables import DATASET, TABLES
from ai_gateway_billing_pipeline.settings import Remote, Store

from . import lacking, lake, postgres, read, views

_Source = AbstractContextManager[postgres.Tables | lake.Tables]
_FROM: Mapping[str, Callable[[Remote, str, duckdb.DuckDBPyConnection], _Source]] = {
    "ducklake": lake.tables,
    "postgres": postgres.tables,
}
_SETTINGS = "load_settings"
"""The raw table with the settings of the last load that readers need."""

_ALL = re.compile(r"query|duckdb_|information_schema|sqlite_|pg_|pragma|show|describe|summarize", re.IGNORECASE)
"""What can reach a table without naming it, or lists all of them."""


def connect(store: Store, remote: Remote, sql: str | None) -> duckdb.DuckDBPyConnection:
    """A read-only connection to a copy of what `sql` may read, or of everything. It goes when the connection does.

    Raises `SettingsError` and `DatabaseError`.
    """
    folder = Path(tempfile.mkdtemp(prefix="aig-billing-"))
    try:
        path = folder / "billing.duckdb"
        _fill(path, store, remote, sql)
        connection = read.connect(path)
        path.unlink()  # it stays readable while it is open, and a killed reader leaves nothing
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    return connection


def _fill(path: Path, store: Store, remote: Remote, sql: str | None) -> None:
    try:
        with duckdb.connect(str(path)) as copy:
            copy.execute("set timezone = 'UTC'")
            copy.execute(f"create schema {DATASET}")
            names, present = _copy(copy, store, remote, sql)
            lacking.refuse_lost(copy, present, store)
            views.apply(copy, _unit(copy) or remote.usage_unit, names)
    except duckdb.Error as error:
        reason = first_line(error, secret=remote.secret).rstrip(".")
        if isinstance(error, lacking.LACKING):
            raise DatabaseError(
                f"The tables in {store} are not as this version makes them: {reason}. "
                "If a newer aig-billing wrote them, update this one."
            ) from error
        raise DatabaseError(f"{store} cannot be read: {reason}.") from error


def _copy(
    copy: duckdb.DuckDBPyConnection, store: Store, remote: Remote, sql: str | None
) -> tuple[Collection[str], Collection[str]]:
    """Copy the tables, and return which views are wanted, and which tables there are."""
    with _FROM[remote.kind](remote, store.destination, copy) as source:
        present = source.names()
        if not set(present) & set(TABLES):
            raise SettingsError(
                f"{store} contains no AI Gateway billing yet. "
                f"Run `aig-billing load --destination {store.destination}` first."
            )
        names, tables = _wanted(sql, present)
        for table in tables:
            source.copy(table)
    return names, present


def _wanted(sql: str | None, present: Collection[str]) -> tuple[Collection[str], Collection[str]]:
    """The views and the raw tables that SQL can reach: those that it names, and what they read."""
    if sql is None or _ALL.search(sql):
        return views.VIEWS, [name for name in present if not name.startswith("_dlt")]
    text = sql.casefold()
    names, tables = views.below([name for name in views.VIEWS if name in text])
    return names, [
        name for name in present if name in tables or name in (_SETTINGS, lacking.STATUS) or name.casefold() in text
    ]


def _unit(copy: duckdb.DuckDBPyConnection) -> str | None:
    """What the load said that usage is in, if it did."""
    try:
        ((unit,),) = copy.execute(f"select max(usage_unit) from {DATASET}.{_SETTINGS}").fetchall()  # noqa: S608
    except duckdb.CatalogException:
        return None
    return None if unit is None else str(unit)
