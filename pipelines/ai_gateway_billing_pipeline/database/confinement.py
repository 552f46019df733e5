"""SQL that somebody gave reads the one database: no other file, no network, no other database, no setting."""

import re
from typing import Any

import duckdb

from ai_gateway_billing.errors import SettingsError

PROMISE = "`query` reads this database and nothing else: no other file, no network, and no setting can be changed."

_CONFINED = (
    "set allow_persistent_secrets = false",
    "set autoinstall_known_extensions = false",
    "set autoload_known_extensions = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)
# DuckDB goes on allowing the files of the attached database itself, so a copy could replace them. What is prepared or
# explained could be one.
_WAYS_OUT = ("ATTACH", "COPY", "COPY_DATABASE", "DETACH", "EXECUTE", "EXPORT", "EXTENSION", "LOAD", "PREPARE")
_EXPLAIN = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*explain\b(\s*\([^)]*\)|\s+analyze\b)?", re.IGNORECASE | re.DOTALL)


def confine(connection: duckdb.DuckDBPyConnection) -> None:
    """Take from the connection, for good, all access to anything but the database that it has open."""
    if connection.execute("select current_setting('lock_configuration')").fetchone() == (True,):
        return
    for statement in _CONFINED:
        connection.execute(statement)


def refuse_ways_out(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise `SettingsError` for a statement that could write a file, even one of the database. `duckdb.Error` too."""
    for statement in connection.extract_statements(sql):
        kind = _kind(statement)
        if kind == "EXPLAIN":
            explained = _EXPLAIN.sub("", statement.query, count=1)
            if explained == statement.query:
                raise SettingsError(f"{PROMISE} Begin the statement with explain.")
            refuse_ways_out(connection, explained)
        elif kind in _WAYS_OUT:
            raise SettingsError(f"{PROMISE} {kind.replace('_', ' ').upper()} is not allowed.")


def _kind(statement: Any) -> str:
    try:
        return str(statement.type).rpartition(".")[2].upper()
    except ValueError as error:  # one that duckdb for Python has no name for, as `update extensions`
        raise SettingsError(PROMISE) from error
