"""A lake as readers copy it: as one moment saw it, and with words for what goes wrong.

To copy one, all that is asked of DuckDB is what it can do with every database that is attached; a file is one, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import BillingError, DatabaseError, SettingsError
from ai_gateway_billing_pipeline.database import lake
from ai_gateway_billing_pipeline.settings import Remote

HARD = "it's so"
VALUES = "select count(*) from {}ai_gateway_billing.{}"


def remote(*statements: str) -> Remote:
    return Remote("ducklake", statements, "open-sesame")


@pytest.fixture
def attached(tmp_path: Path) -> Remote:
    """Two tables of ours, and what is not ours to copy."""
    path = tmp_path / "lake.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema ai_gateway_billing")
        for table in ("usage_daily", f'"{HARD}"'):
            connection.execute(f"create table ai_gateway_billing.{table} as from range(3)")
        connection.execute("create table mine (one int)")
    return remote(f"attach '{path}' as {lake.CATALOG}")


@pytest.fixture
def into() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema ai_gateway_billing")
        yield connection


def test_tables_of_ours_are_copied_and_the_lake_is_let_go(attached: Remote, into: duckdb.DuckDBPyConnection) -> None:
    with lake.tables(attached, "ducklake", into) as tables:
        names = tables.names()
        for name in names:
            tables.copy(name)

    assert names == [HARD, "usage_daily"]
    assert into.execute(VALUES.format("", f'"{HARD}"')).fetchall() == [(3,)]
    assert lake.CATALOG not in str(into.execute("select database_name from duckdb_databases()").fetchall())


def test_a_reader_sees_one_moment(attached: Remote, into: duckdb.DuckDBPyConnection) -> None:
    """A load that ends while the tables are copied one after the other is not seen."""
    other = into.cursor()
    with lake.tables(attached, "ducklake", into) as tables:
        first, last = tables.names()
        tables.copy(first)
        other.execute(f"delete from {lake.CATALOG}.ai_gateway_billing.{last}")
        tables.copy(last)
        left = other.execute(VALUES.format(f"{lake.CATALOG}.", last)).fetchall()

    assert (left, into.execute(VALUES.format("", last)).fetchall()) == ([(0,)], [(3,)])


@pytest.mark.parametrize(
    ("statement", "kind", "told"),
    [
        ("load nothing", SettingsError, r"^DuckDB [\d.]+ lacks an extension that ducklake needs: "),
        (
            "attach '/nowhere/lake' as x (read_only)",
            SettingsError,
            "^ducklake contains no AI Gateway billing yet .*load",
        ),
        ("select error('open-sesame is down')", DatabaseError, "^ducklake cannot be read: .* is down. Run again"),
    ],
)
def test_what_keeps_a_lake_from_being_attached_is_told_without_the_login(
    statement: str, kind: type[BillingError], told: str, into: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(kind, match=told) as caught, lake.tables(remote(statement), "ducklake", into):
        pass

    assert "open-sesame" not in str(caught.value)
