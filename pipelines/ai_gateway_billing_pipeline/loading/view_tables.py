"""The views of `spend` as tables in the destination, for programs that cannot run DuckDB.

All are replaced in one transaction, row by row: who reads meanwhile is not disturbed and sees the old ones, and grants,
indexes and views of others on them stay.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import duckdb

from ai_gateway_billing.errors import DatabaseBusyError, SettingsError
from ai_gateway_billing_pipeline.database import postgres, quoting, stores, views
from ai_gateway_billing_pipeline.settings import Store

_HAS_VIEWS = (
    "{} has the views of spend itself, and DuckDB reads them there. publish makes tables of them in a database that "
    "others read, such as --destination postgres."
)
_LIST = """
    create schema if not exists spend;
    create table if not exists spend.published (name text primary key, row_count bigint, published_at timestamptz);
    comment on table spend.published is 'One row per table that aig-billing publish made of a view: when.';
"""
_LOCK = "hashtext('aig-billing publish')"
_EXISTING = """
    select columns.attname, format_type(columns.atttypid, columns.atttypmod)
    from pg_attribute as columns
    where columns.attrelid = to_regclass(%s) and columns.attnum > 0 and not columns.attisdropped
"""
_TYPES = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone", "DOUBLE": "double precision"}
TABLES = tuple(name for name in views.VIEWS if name not in views.MACROS)
"""What is published: a macro takes an argument, so it is no table."""


def publish(store: Store, now: datetime, wait_s: float = 0.0) -> dict[str, int]:
    """Replace the tables of schema `spend` by what the views say. Returns their rows.

    Raises `SettingsError`, `DatabaseError`, and `DatabaseBusyError` while another one publishes.
    """
    if store.remote is None or store.remote.kind != "postgres":
        raise SettingsError(_HAS_VIEWS.format(store))
    with postgres.transaction(store.remote, store.destination) as cursor:
        _lock(cursor, store, wait_s)
        cursor.execute(_LIST)
        with stores.connect(store) as source:
            cursor.execute("select name from spend.published")
            published = {name for (name,) in cursor.fetchall()}
            for name in sorted(published - set(TABLES)):
                cursor.execute(f"drop table if exists {_named(name)}")
            queries = zip(TABLES, views.once(source, [f"from spend.{name}" for name in TABLES]), strict=True)
            rows = {
                name: _replace(name, query, source, cursor, store=store, is_ours=name in published)
                for name, query in queries
            }
        cursor.execute("delete from spend.published")
        cursor.executemany("insert into spend.published values (%s, %s, %s)", [(*each, now) for each in rows.items()])
    return rows


def _lock(cursor: Any, store: Store, wait_s: float) -> None:
    """One publishes at a time, so that the newest numbers are those that stay."""
    import psycopg2  # noqa: PLC0415 - of an extra

    try:
        cursor.execute(f"set local lock_timeout = {max(1, round(wait_s * 1000))}")
        cursor.execute(f"select pg_advisory_xact_lock({_LOCK})")
        cursor.execute("set local lock_timeout = 0")
    except psycopg2.errors.LockNotAvailable as error:
        raise DatabaseBusyError(
            f"Another aig-billing publish into {store} is running. Wait for it, or use --wait."
        ) from error


def _replace(
    name: str, query: str, source: duckdb.DuckDBPyConnection, cursor: Any, *, store: Store, is_ours: bool
) -> int:
    wanted = {column: _type(kind) for column, kind, *_ in source.execute(f"describe {query}").fetchall()}
    cursor.execute(_EXISTING, [_named(name)])
    existing = dict(cursor.fetchall())
    if existing and not is_ours:
        raise SettingsError(
            f"{store} has a table or view spend.{name} that publish did not make. Rename or drop it, and publish again."
        )
    for statement in (*_shaped(name, wanted, existing), *_comments(name)):
        cursor.execute(statement)
    columns = ", ".join(map(quoting.name, wanted))
    ordered = f"{query} select {columns}"
    postgres.send(ordered, source, f"{_named(name)} ({columns})", cursor)
    return int(cursor.rowcount)


def _shaped(name: str, wanted: Mapping[str, str], existing: Mapping[str, str]) -> Iterator[str]:
    """What makes the table, or empties it and gives it the columns of this version."""
    table = _named(name)
    if not existing:
        yield f"create table {table} ({', '.join(f'{quoting.name(column)} {kind}' for column, kind in wanted.items())})"
        return
    yield f"delete from {table}"  # noqa: S608 - a name of ours
    for column in existing.keys() - wanted.keys():
        yield f"alter table {table} drop column {quoting.name(column)}"
    for column, kind in wanted.items():
        if column not in existing:
            yield f"alter table {table} add column {quoting.name(column)} {kind}"
        elif existing[column] != kind:
            yield f"alter table {table} alter column {quoting.name(column)} type {kind} using null::{kind}"


def _comments(name: str) -> Iterator[str]:
    view = views.definition(name)
    yield f"comment on table {_named(name)} is {quoting.text(view.contract)}"
    for column, text in view.columns.items():
        yield f"comment on column {_named(name)}.{quoting.name(column)} is {quoting.text(text)}"


def _type(kind: str) -> str:
    return _TYPES.get(kind) or kind.lower().replace("decimal", "numeric")


def _named(name: str) -> str:
    return f"spend.{quoting.name(name)}"
