"""What readers see of a real Postgres and of a real DuckLake: what they see of the file, and nothing else."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest
import time_machine

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import read, stores, views
from ai_gateway_billing_pipeline.database.postgres import Tables
from ai_gateway_billing_pipeline.loading import remotes
from ai_gateway_billing_pipeline.settings import Store
from support.bench import Bench
from support.command import aig, reading_commands
from support.constants import ACCOUNT, NOW, OTHER
from support.postgres import Database
from support.poured import pour_into_lake, pour_into_postgres

HOSTILE = [
    "",
    None,
    "\\N",
    "NULL",
    '"',
    '""',
    ",",
    "a\nb",
    "a\r\nb",
    "\\.",
    "\\",
    "'",
    "é€😀",
    " ",
    "\t",
    "x" * 100_000,
]
LARGEST = Decimal("99999999999999999999.999999999999999999")
BOTH = ["postgres", "ducklake"]
VIEWS = [name for name in views.VIEWS if name not in views.MACROS]
ASKED = {
    "check": ["--json"],
    "export": ["focus", "--output", "out.csv", "--force"],
    "metrics": ["--output", "out.prom", "--force"],
    "query": ["select * from spend.daily_in('Asia/Kolkata') order by all", "--json"],
    "report": ["--output", "out.html", "--force"],
}
"""What a command is given so that it says much. Others show what they show."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What loads leave of two accounts: versions, exact amounts, and texts that look like something else."""
    bench = Bench(tmp_path_factory.mktemp("loaded"))
    for account_id in (ACCOUNT, OTHER):
        account = bench.world.add_generated_account(account_id, start=bench.now - timedelta(days=9))
        account.set_hour(bench.now.replace(minute=0) - timedelta(hours=30), Decimal("1234567.123456789012345678"))
    bench.world.add_token(bench.token)
    bench.load_well([ACCOUNT, OTHER])
    bench.now += timedelta(hours=7)
    bench.load_well([ACCOUNT, OTHER])
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("create table ai_gateway_billing.other (n bigint, text varchar, number decimal(38, 18))")
        for n, text in enumerate(HOSTILE):
            connection.execute("insert into ai_gateway_billing.other values (?, ?, ?)", [n, text, LARGEST])
    return bench.database


@pytest.fixture(params=BOTH)
def poured(request: pytest.FixtureRequest, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the destinations with the same rows, to which the settings lead."""
    if request.param == "postgres":
        pour_into_postgres(file, request.getfixturevalue("postgres"), tmp_path)
    else:
        pour_into_lake(file, request.getfixturevalue("lake"))
    monkeypatch.setenv("AIG_BILLING_DATABASE", str(file))
    return str(request.param)


def found(destination: str) -> Store:
    return remotes.found(Store(Path("billing.duckdb"), destination))


def rows(connection: duckdb.DuckDBPyConnection, relation: str) -> list[tuple[Any, ...]]:
    """All rows as text, so that each digit counts, with the types of the columns in front."""
    described = connection.execute(f"describe {relation}").fetchall()
    texts = ", ".join(f'"{name}"::varchar' for name, *_ in described)
    listed = connection.execute(f"select {texts} from ({relation}) order by all").fetchall()
    return [tuple((name, kind) for name, kind, *_ in described), *listed]


def test_every_view_and_table_is_equal_digit_by_digit(file: Path, poured: str) -> None:
    raw = "select table_name from duckdb_tables() where schema_name = 'ai_gateway_billing' and table_name[1] <> '_'"
    with read.connect(file) as here, stores.connect(found(poured)) as there:
        tables = [f"from ai_gateway_billing.{name}" for (name,) in here.execute(raw).fetchall()]
        relations = [*tables, *(f"from spend.{name}" for name in VIEWS)]
        different = [each for each in relations if rows(here, each) != rows(there, each)]

        assert different == []
        assert len(rows(there, "from spend.daily")) > 15


@pytest.mark.slow
@time_machine.travel(NOW + timedelta(hours=8), tick=False)
def test_every_reading_command_says_the_same(poured: str) -> None:
    commands = [name for name in reading_commands() if name != "report" or find_spec("altair")]
    assert len(commands) > 10
    for name in commands:
        command = [*name.split(), *ASKED.get(name, [])]
        here, files = aig(*command), [path.read_bytes() for path in sorted(Path().glob("out.*"))]
        there = aig(*command, "--destination", poured)

        assert here.out or files, (command, here)
        said = there.out.replace(f"billing in {poured},", f"billing in {os.environ['AIG_BILLING_DATABASE']},")
        assert (there.code, said) == (here.code, here.out), (command, there)
        assert [path.read_bytes() for path in sorted(Path().glob("out.*"))] == files


def test_a_query_reads_no_more_than_it_names(poured: str) -> None:
    def tables(sql: str) -> set[str]:
        with stores.connect(found(poured), sql) as connection:
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


def test_a_query_has_no_way_to_the_destination_and_no_login(poured: str) -> None:
    address = "".join(found(poured).remote.address)  # type: ignore[union-attr]
    host = "127.0.0.1"
    assert host in address

    with stores.connect(found(poured)) as connection:
        for sql in REACHING_OUT:
            try:
                told = str([*read.query(connection, sql).rows])
            except SettingsError as error:
                told = str(error)
            else:
                assert sql.startswith(("from duckdb_", "select current_setting")), sql
            assert host not in told, sql


def test_nothing_is_left_of_what_was_copied(poured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = found(poured)
    with stores.connect(store) as connection:
        assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".csv"] == []
        assert connection.execute("select count(*) > 0 from spend.daily").fetchall() == [(True,)]
    del connection
    assert list(tmp_path.glob("aig-billing-*")) == []

    with pytest.raises(SettingsError), stores.connect(store) as connection:
        read.query(connection, "from nowhere")
    del connection
    assert list(tmp_path.glob("aig-billing-*")) == []


def test_a_reader_sees_one_moment(postgres: Database, file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A load that ends while the tables are copied one after the other is seen whole or not at all."""
    pour_into_postgres(file, postgres, tmp_path)
    copy = Tables.copy

    def copy_and_load(self: Tables, name: str) -> None:
        copy(self, name)
        if name < "usage_hourly":  # else the copy holds it
            postgres.rows("alter table ai_gateway_billing.usage_hourly add column if not exists model text default 3")
        postgres.rows("delete from ai_gateway_billing.usage_daily")
        postgres.rows("delete from ai_gateway_billing.usage_hourly")

    monkeypatch.setattr(Tables, "copy", copy_and_load)
    with stores.connect(found("postgres")) as there, read.connect(file) as here:
        assert rows(there, "from spend.daily") == rows(here, "from spend.daily")

    with stores.connect(found("postgres")) as later:
        assert later.execute("from spend.hourly where amount > 0").fetchall() == []


# --- what goes wrong -----------------------------------------------------------------------------------------------


def refused(*statements: str, database: Database) -> str:
    """The exit code and the sentence on standard error."""
    for statement in statements:
        database.rows(statement)
    ran = aig("status", "--destination", "postgres")
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert "Unexpected" not in ran.err
    return f"{ran.code} {ran.err}"


def test_an_empty_database_says_what_to_run(postgres: Database) -> None:
    assert "2 Error: postgres contains no AI Gateway billing yet. Run `aig-billing load --destination" in refused(
        database=postgres
    )
    assert "contains no AI Gateway billing yet" in refused("create schema ai_gateway_billing", database=postgres)


def test_nobody_listening_is_told(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://me:open-sesame@127.0.0.1:1/billing")

    told = refused(database=postgres)

    assert told.startswith("1 Error: postgres cannot be read: connection to server at")
    assert "Connection refused" in told
    assert "open-sesame" not in told


@pytest.mark.parametrize(("user", "database"), [("nobody", "postgres"), ("postgres", "nowhere")])
def test_a_wrong_login_is_a_setting(
    user: str, database: str, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"postgresql://{user}:open-sesame@127.0.0.1:{postgres.port}/{database}"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)

    told = refused(database=postgres)

    assert told.startswith("2 Error: postgres cannot be opened: connection to server at")
    assert "does not exist" in told
    assert "[destination.postgres.credentials]" in told
    assert "open-sesame" not in told


def test_a_user_without_rights_is_told_which_to_ask_for(
    postgres: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pour_into_postgres(file, postgres, tmp_path)
    with postgres.user() as user:
        address = f"postgresql://{user}:open-sesame@127.0.0.1:{postgres.port}/{postgres.name}"
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)

        told = refused(database=postgres)
        postgres.rows(f"grant usage on schema ai_gateway_billing to {user}")
        later = refused(database=postgres)
        postgres.rows(f"grant select on all tables in schema ai_gateway_billing to {user}")
        ran = aig("status", "--destination", "postgres")

    assert told.startswith("2 Error: postgres does not let this user do that: permission denied for schema")
    assert later.startswith("2 Error: postgres does not let this user do that: permission denied for table")
    assert ran.code == 0


def test_a_lost_table_is_not_taken_for_an_empty_one(postgres: Database, file: Path, tmp_path: Path) -> None:
    pour_into_postgres(file, postgres, tmp_path)

    told = refused("drop table ai_gateway_billing.usage_daily", database=postgres)

    assert told.startswith(
        "1 Error: postgres has lost what was loaded: usage_daily. Run `aig-billing load --destination"
    )


def test_tables_of_another_version_are_told_as_such(postgres: Database, file: Path, tmp_path: Path) -> None:
    pour_into_postgres(file, postgres, tmp_path)

    told = refused(
        "alter table ai_gateway_billing.usage_daily alter column aggregated_value type varchar", database=postgres
    )

    assert told.startswith("1 Error: The tables in postgres are not as this version makes them: ")
    assert "If a newer aig-billing wrote them, update this one." in told


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
