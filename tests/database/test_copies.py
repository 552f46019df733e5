"""What readers see of a real Postgres and of a real DuckLake: what they see of the file, and nothing else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import BillingError, DatabaseError, SettingsError
from ai_gateway_billing_pipeline.database import lake, read, stores, views
from ai_gateway_billing_pipeline.loading import remotes
from ai_gateway_billing_pipeline.settings import Remote, Store
from support.command import aig, refusal
from support.postgres import Database
from support.poured import pour_into_postgres

READ = ("status", "--destination", "postgres")
VIEWS = [name for name in views.VIEWS if name not in views.MACROS]


@pytest.fixture(
    params=[
        pytest.param("attached", marks=pytest.mark.thorough),
        pytest.param("postgres", marks=pytest.mark.stores),
        pytest.param("ducklake", marks=pytest.mark.stores),
    ]
)
def store(request: pytest.FixtureRequest, file: Path, pour: Callable[[str], None]) -> Store:
    """Each of the destinations with the same rows; and the file itself, attached as a lake is, which needs neither."""
    if request.param == "attached":
        return attached(file)
    pour(request.param)
    return remotes.found(Store(file, request.param))


def attached(file: Path) -> Store:
    attach = f"attach '{file}' as {lake.CATALOG} (read_only)"
    return Store(file, "ducklake", Remote("ducklake", (attach,), "", "dollars"))


def rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[Any, ...]]:
    """All rows as text, so that each digit counts, with the types of the columns in front."""
    described = connection.execute(f"describe {relation}").fetchall()
    texts = ", ".join(f'"{name}"::varchar' for name, *_ in described)
    listed = connection.execute(f"select {texts} from ({relation}) order by all").fetchall()
    return [tuple((name, kind) for name, kind, *_ in described), *listed]


def test_every_view_and_table_is_equal_digit_by_digit(file: Path, store: Store) -> None:
    raw = "select table_name from duckdb_tables() where schema_name = 'ai_gateway_billing' and table_name[1] <> '_'"
    with read.connect(file) as here, stores.connect(store) as there:
        tables = [f"from ai_gateway_billing.{name}" for (name,) in here.execute(raw).fetchall()]
        relations = [*tables, *(f"from spend.{name}" for name in VIEWS)]
        different = [each for each in relations if rows(here, each) != rows(there, each)]

        assert different == []
        assert len(rows(there, "from spend.daily")) > 15


def test_a_query_reads_no_more_than_it_names(store: Store) -> None:
    def tables(sql: str) -> set[str]:
        with stores.connect(store, sql) as connection:
            return {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}

    assert tables("select 1") <= {"usage_unit", "_views_applied", "load_settings", "load_status"}
    assert {"usage_daily", "usage_hourly"} <= tables('select * from SPEND."Daily"')
    assert "usage_hourly" not in tables("from ai_gateway_billing.topup_config")
    assert "usage_hourly" in tables("from query_table('usage_' || 'hourly')")
    assert "usage_hourly" in tables("show all tables")


REACHING_OUT = [
    "from duckdb_databases()",
    "from duckdb_secrets()",
    "from duckdb_settings()",
    "select current_setting('secret_directory')",
    "attach 'dbname=postgres' as x (type postgres)",
    "from postgres_query('store', 'select 1')",
    "call postgres_execute('store', 'drop schema ai_gateway_billing cascade')",
    "from postgres_scan('dbname=postgres', 'ai_gateway_billing', 'invoices')",
    "from read_csv('/dev/fd/0')",
    "from read_text('/proc/self/environ')",
    "install postgres",
    "load postgres",
    "insert into ai_gateway_billing.invoices select * from ai_gateway_billing.invoices",
    "drop table ai_gateway_billing.invoices",
]


def test_a_query_has_no_way_to_the_destination_and_no_login(store: Store, file: Path) -> None:
    assert store.remote
    address = "".join(store.remote.address)
    place = "127.0.0.1" if "127.0.0.1" in address else str(file)
    assert place in address

    with stores.connect(store) as connection:
        for sql in REACHING_OUT:
            try:
                told = str([*read.query(connection, sql).rows])
            except SettingsError as error:
                told = str(error)
            else:
                assert sql.startswith(("from duckdb_", "select current_setting")), sql
            assert place not in told, sql


def test_nothing_is_left_of_what_was_copied(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with stores.connect(store) as connection:
        assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".csv"] == []
        assert connection.execute("select count(*) > 0 from spend.daily").fetchall() == [(True,)]
    del connection
    assert list(tmp_path.glob("aig-billing-*")) == []

    with pytest.raises(SettingsError), stores.connect(store) as connection:
        read.query(connection, "from nowhere")
    del connection
    assert list(tmp_path.glob("aig-billing-*")) == []


# --- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ("drop schema spend cascade; drop schema ai_gateway_billing cascade", SettingsError, "contains no .* yet"),
        ("drop table ai_gateway_billing.usage_daily", DatabaseError, "has lost what was loaded: usage_daily"),
        (
            "alter table ai_gateway_billing.usage_daily alter column aggregated_value type varchar",
            DatabaseError,
            "are not as this version makes them: .* update this one",
        ),
    ],
    ids=["empty", "lost", "another version"],
)
def test_a_copy_that_would_mislead_is_refused(
    change: str, kind: type[BillingError], told: str, file: Path, tmp_path: Path
) -> None:
    changed = shutil.copyfile(file, tmp_path / "changed.duckdb")
    with duckdb.connect(str(changed)) as connection:
        connection.execute(change)

    with pytest.raises(kind, match=f"^.*ducklake.* {told}"), stores.connect(attached(changed)):
        pass


def test_the_unit_is_the_readers_where_no_load_has_said_it(file: Path, tmp_path: Path) -> None:
    unsaid = shutil.copyfile(file, tmp_path / "unsaid.duckdb")
    with duckdb.connect(str(unsaid)) as connection:
        connection.execute("drop table ai_gateway_billing.load_settings")

    units = []
    for each in (file, unsaid):
        with stores.connect(attached(each), "from spend.usage_unit") as connection:
            units += connection.execute("from spend.usage_unit").fetchall()

    assert units == [("cents",), ("dollars",)]


# --- the same in words ---------------------------------------------------------------------------------------------


@pytest.mark.stores
def test_an_empty_database_says_what_to_run(postgres: Database) -> None:
    first = refusal(*READ)
    postgres.rows("create schema ai_gateway_billing")

    assert first.startswith(
        "2 Error: postgres contains no AI Gateway billing yet. Run `aig-billing load --destination postgres` first."
    )
    assert refusal(*READ) == first


@pytest.mark.stores
def test_a_lost_table_is_not_taken_for_an_empty_one(postgres: Database, file: Path, tmp_path: Path) -> None:
    pour_into_postgres(file, postgres, tmp_path)
    postgres.rows("drop table ai_gateway_billing.usage_daily")

    assert refusal(*READ).startswith(
        "1 Error: postgres has lost what was loaded: usage_daily. Run `aig-billing load --destination"
    )


@pytest.mark.stores
def test_tables_of_another_version_are_told_as_such(postgres: Database, file: Path, tmp_path: Path) -> None:
    pour_into_postgres(file, postgres, tmp_path)
    postgres.rows("alter table ai_gateway_billing.usage_daily alter column aggregated_value type varchar")

    told = refusal(*READ)

    assert told.startswith("1 Error: The tables in postgres are not as this version makes them: ")
    assert "If a newer aig-billing wrote them, update this one." in told


@pytest.mark.stores
def test_the_unit_is_that_of_the_load_and_else_of_the_reader(
    postgres: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader whose own setting differs would be wrong by a factor of a hundred."""
    pour_into_postgres(file, postgres, tmp_path)
    asked = ("query", "select unit from spend.usage_unit", "--csv", "--destination", "postgres")
    monkeypatch.setenv("AIG_BILLING_USAGE_UNIT", "dollars")
    postgres.rows("drop table if exists ai_gateway_billing.load_settings")

    unset = aig(*asked).out
    postgres.rows("create table ai_gateway_billing.load_settings (usage_unit text, written_by text)")
    postgres.rows("insert into ai_gateway_billing.load_settings values ('cents', '0.1.0')")

    assert (unset.split(), aig(*asked).out.split()) == (["unit", "dollars"], ["unit", "cents"])
