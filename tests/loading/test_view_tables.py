"""`publish`: tables in a real Postgres that say what the views say, to the digit, and disturb nobody."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import read, views
from ai_gateway_billing_pipeline.loading import view_tables
from ai_gateway_billing_pipeline.settings import Remote, Store
from support.bench import Bench
from support.command import aig
from support.constants import ACCOUNT, NOW
from support.postgres import Database
from support.poured import pour_into_postgres

TABLES = list(view_tables.TABLES)
OF_POSTGRES = {"VARCHAR": "text", "TIMESTAMP WITH TIME ZONE": "timestamp with time zone"}
COLUMNS = """
    select attname, format_type(atttypid, atttypmod) from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum
"""
DESCRIBED = """
    select attname, col_description(attrelid, attnum) from pg_attribute where attrelid = %s::regclass and attnum > 0
        and col_description(attrelid, attnum) is not null
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two loads leave of an account."""
    bench = Bench(tmp_path_factory.mktemp("loaded"))
    bench.world.add_generated_account(ACCOUNT, start=bench.now - timedelta(days=5))
    bench.world.add_token(bench.token)
    bench.load_well([ACCOUNT])
    bench.now += timedelta(hours=7)
    bench.load_well([ACCOUNT])
    return bench.database


@pytest.fixture
def poured(file: Path, postgres: Database, tmp_path: Path) -> Database:
    pour_into_postgres(file, postgres, tmp_path)
    return postgres


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some of the views, where they do not matter."""
    monkeypatch.setattr(view_tables, "TABLES", ("daily", "runway"))


def publish(*options: str) -> Any:
    ran = aig("publish", "--destination", "postgres", "--json", *options)
    assert ran.code == 0, ran
    return ran.json


def texts(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return sorted(tuple(map(str, row)) for row in rows)


@pytest.mark.stores
def test_every_table_equals_its_view_and_is_described(file: Path, poured: Database) -> None:
    told = publish()

    assert list(told["rows"]) == [name for name in views.VIEWS if name not in views.MACROS]
    with read.connect(file) as billing:
        for name in TABLES:
            columns_of = billing.execute(f"describe spend.{name}").fetchall()
            kinds = [
                (n, OF_POSTGRES.get(kind, kind.lower().replace("decimal", "numeric"))) for n, kind, *_ in columns_of
            ]
            columns = ", ".join(f'"{n}"' + ("::timestamp" if "ZONE" in kind else "") for n, kind, *_ in columns_of)
            expected = billing.execute(f"select {columns} from spend.{name}").fetchall()

            assert poured.rows(COLUMNS, f"spend.{name}") == kinds
            assert texts(poured.rows(f"select {columns} from spend.{name}")) == texts(expected), name
            assert told["rows"][name] == len(expected)
    for name in TABLES:
        described = views.definition(name)
        assert poured.rows("select obj_description(%s::regclass)", f"spend.{name}") == [(described.contract,)]
        assert dict(poured.rows(DESCRIBED, f"spend.{name}")) == described.columns


@pytest.mark.stores
def test_publishing_again_replaces_the_rows_and_keeps_what_others_made(poured: Database, few: None) -> None:
    publish()
    with poured.user() as analyst:
        poured.rows(f"grant select on spend.daily to {analyst}")
        poured.rows("create view public.mine as select sum(amount) as total from spend.daily")
        poured.rows("create index by_day on spend.daily (day)")
        ((before,),) = poured.rows("select total from public.mine")
        poured.rows("delete from ai_gateway_billing.usage_daily; delete from ai_gateway_billing.usage_hourly")

        publish()

        assert before > 0
        assert poured.rows("select total from public.mine") == [(0,)]
        assert poured.rows("select has_table_privilege(%s, 'spend.daily', 'select')", analyst) == [(True,)]
        assert poured.rows("select count(*) from pg_indexes where indexname = 'by_day'") == [(1,)]


@pytest.mark.stores
def test_a_reader_goes_on_reading_the_old_tables(poured: Database, few: None) -> None:
    publish()
    with poured.connected() as connection:
        connection.autocommit = False
        connection.set_session(isolation_level="REPEATABLE READ")
        cursor = connection.cursor()
        cursor.execute("select sum(amount) from spend.daily")
        before = cursor.fetchall()
        poured.rows("delete from ai_gateway_billing.usage_daily; delete from ai_gateway_billing.usage_hourly")

        publish()  # waits for nobody

        cursor.execute("select sum(amount) from spend.daily")
        assert cursor.fetchall() == before
    assert poured.rows("select sum(amount) from spend.daily") == [(0,)]


@pytest.mark.stores
def test_tables_take_the_columns_of_this_version(poured: Database, few: None) -> None:
    publish()
    before = poured.rows(COLUMNS, "spend.runway")
    poured.rows(
        "alter table spend.runway drop column balance, add column old text, alter column currency type bigint using 1, "
        "alter column burn_per_day_7d type text using 'x'"
    )
    poured.rows("create table spend.gone (n int); insert into spend.published values ('gone', 1, now())")

    publish()

    assert sorted(poured.rows(COLUMNS, "spend.runway")) == sorted(before)
    assert poured.rows("select to_regclass('spend.gone')") == [(None,)]


@pytest.mark.stores
def test_a_table_of_somebody_else_is_left_alone_and_nothing_is_published(poured: Database, few: None) -> None:
    poured.rows("create schema spend; create table spend.runway (mine text); insert into spend.runway values ('x')")

    ran = aig("publish", "--destination", "postgres")

    assert ran.code == 2
    assert ran.err.startswith("Error: postgres has a table or view spend.runway that publish did not make.")
    assert poured.rows("select mine from spend.runway") == [("x",)]
    assert poured.rows("select table_name from information_schema.tables where table_schema = 'spend'") == [("runway",)]


@pytest.mark.stores
def test_two_do_not_publish_at_once(poured: Database, few: None) -> None:
    with poured.connected() as other:
        other.cursor().execute("select pg_advisory_lock(hashtext('aig-billing publish'))")

        ran = aig("publish", "--destination", "postgres")

    assert (ran.code, ran.out) == (5, "")
    assert ran.err.startswith("Error: Another aig-billing publish into postgres is running.")
    publish("--wait", "5")


@pytest.mark.stores
def test_who_may_not_write_is_told(poured: Database, monkeypatch: pytest.MonkeyPatch, few: None) -> None:
    with poured.user() as user:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", poured.url.replace("//postgres:", f"//{user}:"))
        ran = aig("publish", "--destination", "postgres")

    assert ran.code == 2
    assert "permission denied for database" in ran.err


@pytest.mark.parametrize("remote", [None, Remote("ducklake", (), "")], ids=["file", "lake"])
def test_what_duckdb_reads_needs_no_tables(remote: Remote | None) -> None:
    store = Store(Path("billing.duckdb"), "ducklake" if remote else "duckdb", remote)

    with pytest.raises(SettingsError, match=f"^{store} has the views of spend itself"):
        view_tables.publish(store, NOW)


def test_every_view_is_published_but_those_that_take_an_argument() -> None:
    made = {name: views.definition(name).kind for name in views.VIEWS}

    assert {*TABLES} == {name for name, kind in made.items() if kind == "view"}
    assert {*made} > {*TABLES}
