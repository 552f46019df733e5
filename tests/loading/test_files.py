"""The DuckDB file as the place of a load: a working copy that becomes the published one, or leaves nothing."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import DatabaseBusyError
from ai_gateway_billing_pipeline.loading.files import File
from support.bench import Bench

MINE = "create table ai_gateway_billing.mine as select 1 as one"
SCHEMAS = "select schema_name from information_schema.schemata where schema_name like 'ai_gateway_billing%'"


def place(folder: Path, shard: str | None = None) -> File:
    return File(Bench(folder).settings(shard=shard))


def load(place: File, *statements: str) -> None:
    with place.held(0):
        with place.sql() as sql:
            for statement in ("create schema if not exists ai_gateway_billing", *statements):
                sql.execute(statement)
            place.finish(sql, "dollars")
        place.publish()


def test_what_is_published_stays_and_has_the_views(tmp_path: Path) -> None:
    load(place(tmp_path), MINE)
    load(place(tmp_path), "insert into ai_gateway_billing.mine values (2)")

    with duckdb.connect(place(tmp_path).named, read_only=True) as connection:
        assert connection.execute("from ai_gateway_billing.mine order by one").fetchall() == [(1,), (2,)]
        assert connection.execute("from spend.usage_unit").fetchall() == [("dollars",)]


def test_what_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    load(place(tmp_path), MINE)
    published = Path(place(tmp_path).named)
    before = published.read_bytes()

    given_up = place(tmp_path)
    with given_up.held(0), given_up.sql() as sql:
        sql.execute("drop table ai_gateway_billing.mine")

    databases = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes()[8:12] == b"DUCK"]
    assert databases == [published]
    assert published.read_bytes() == before


def test_one_load_at_a_time_holds_it(tmp_path: Path) -> None:
    first, second = place(tmp_path), place(tmp_path)

    with first.held(0), pytest.raises(DatabaseBusyError), second.held(0):
        pass

    with second.held(0):
        pass


def test_each_shard_drops_the_staging_of_its_own(tmp_path: Path) -> None:
    names = [f"ai_gateway_billing_staging{shard}" for shard in ("", "_eu", "_us")]
    eu = place(tmp_path, "eu")

    with eu.held(0), eu.sql() as sql:
        for name in names:
            sql.execute(f"create schema {name}")
        eu.drop_staging(sql)
        left = {name for (name,) in sql.execute(SCHEMAS)}

    assert left & {*names} == {names[0], names[2]}
