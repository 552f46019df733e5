"""The raw tables in Postgres, copied as one moment saw them: by COPY, which the driver that a load needs can do.

DuckDB's own extension for Postgres would have to be downloaded, and is no faster.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import duckdb

from ai_gateway_billing.errors import BillingError, DatabaseError, SettingsError
from ai_gateway_billing.redaction import first_line
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.settings import Remote

from . import quoting

_COLUMNS = """
    select tables.relname, columns.attname, format_type(columns.atttypid, columns.atttypmod)
    from pg_class as tables
    join pg_attribute as columns on columns.attrelid = tables.oid
    where tables.relnamespace = (select oid from pg_namespace where nspname = %s)
        and tables.relkind in ('r', 'p') and columns.attnum > 0 and not columns.attisdropped
    order by tables.relname, columns.attnum
"""
_TYPES = {"json": "json", "jsonb": "json"}
_SAME = ("bigint", "boolean", "date", "double precision", "integer", "numeric(", "real", "smallint", "time")
"""Types that both call the same, with what they begin with; every other is copied as text."""
_UNUSABLE = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry")


@contextmanager
def tables(remote: Remote, name: str, into: duckdb.DuckDBPyConnection) -> Iterator["Tables"]:
    """The tables of the destination `name`, all as one moment saw them. Raises `SettingsError` and `DatabaseError`."""
    with transaction(remote, name, isolation_level="REPEATABLE READ", readonly=True) as cursor:
        yield Tables(cursor, into)


@contextmanager
def transaction(remote: Remote, name: str, **session: Any) -> Iterator[Any]:
    """A cursor in a transaction of its own, times in UTC. Raises `SettingsError` and `DatabaseError`."""
    import psycopg2  # noqa: PLC0415 - of an extra

    try:
        connection = psycopg2.connect(remote.address[0])
        try:
            connection.set_session(**session)
            with connection, connection.cursor() as cursor:
                cursor.execute("set local timezone = 'UTC'; set local datestyle = 'ISO'")
                yield cursor
        finally:
            connection.close()
    except psycopg2.Error as error:
        raise _told(error, remote, name) from error


class Tables:
    """The tables that one transaction sees."""

    def __init__(self, cursor: Any, into: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._into = into
        self._columns: dict[str, dict[str, str]] = {}
        cursor.execute(_COLUMNS, [DATASET])
        for table, column, kind in cursor.fetchall():
            self._columns.setdefault(table, {})[column] = kind

    def names(self) -> list[str]:
        """All of them."""
        return list(self._columns)

    def copy(self, name: str) -> None:
        """Make the same table in DuckDB."""
        columns = ", ".join(f"{quoting.text(column)}: '{_type(kind)}'" for column, kind in self._columns[name].items())
        reading, writing = os.pipe()
        with _piped(partial(self._send, name, writing), reading):
            self._into.execute(f"create table {_named(name)} as from {_csv(reading, columns)}")

    def _send(self, name: str, writing: int) -> None:
        with os.fdopen(writing, "wb") as rows:
            # By name: a load may add columns until the copy begins.
            columns = ", ".join(map(quoting.name, self._columns[name]))
            self._cursor.copy_expert(f"copy {_named(name)} ({columns}) to stdout (format csv)", rows)


def send(query: str, source: duckdb.DuckDBPyConnection, table: str, cursor: Any) -> None:
    """Copy what a query of DuckDB gives into a table of Postgres."""
    reading, writing = os.pipe()
    with _piped(partial(_receive, table, cursor, reading), writing):
        source.execute(f"copy ({query}) to '/dev/fd/{writing}' (format csv, header false, use_tmp_file false)")


def _receive(table: str, cursor: Any, reading: int) -> None:
    with os.fdopen(reading, "rb") as rows:
        cursor.copy_expert(f"copy {table} from stdin (format csv)", rows)


@contextmanager
def _piped(other: Callable[[], None], own: int) -> Iterator[None]:
    """While DuckDB is busy with one end of a pipe, its `own`, Postgres is with the other. Raises what stopped it."""
    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(other)
        try:
            yield
        except duckdb.Error:
            os.close(own)
            own = -1
            if isinstance(done.exception(), BrokenPipeError | None):
                raise
        finally:
            if own >= 0:
                os.close(own)
        done.result()


def _csv(reading: int, columns: str) -> str:
    """Postgres writes nothing for null, and an empty text in quotes."""
    return (
        f"read_csv('/dev/fd/{reading}', auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
        f"nullstr = '', allow_quoted_nulls = false, columns = {{{columns}}})"
    )


def _type(kind: str) -> str:
    return _TYPES.get(kind) or (kind if kind.startswith(_SAME) else "varchar")


def _named(table: str) -> str:
    return f"{DATASET}.{quoting.name(table)}"


def _told(error: Exception, remote: Remote, name: str) -> BillingError:
    reason = first_line(error, secret=remote.secret).rstrip(".")
    if getattr(error, "pgcode", None) == "42501":
        return SettingsError(
            f"{name} does not let this user do that: {reason}. To read, it needs usage on the schema {DATASET} and "
            "select on its tables; to publish, create on the database."
        )
    if any(words in str(error) for words in _UNUSABLE):
        return SettingsError(f"{name} cannot be opened: {reason}. See [destination.{name}.credentials].")
    return DatabaseError(f"{name} cannot be read: {reason}. Run again when it answers.")
