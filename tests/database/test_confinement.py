"""SQL that somebody gave reads the database that it was given for, and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import read
from support.command import aig

SECRET = "cf-token-0123456789abcdef0123456789abcdef"


@pytest.fixture
def billing(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database in the working folder, and a token in the environment."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", SECRET)
    return Path("billing.duckdb")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database, and files beside it that are none of the query's business."""
    folder = tmp_path_factory.mktemp("made")
    with duckdb.connect(str(folder / "other.duckdb")) as connection:
        connection.execute(f"create table hidden as select '{SECRET}' as token")
        connection.execute(f"copy (select 1 as one) to '{folder / 'other.parquet'}'")
    (folder / "other.csv").write_text(f"token\n{SECRET}\n")
    (folder / "billing.duckdb.tmp").mkdir()
    with duckdb.connect(str(folder / "billing.duckdb")) as connection:
        connection.execute("create schema spend")
        connection.execute("create table spend.raw as select date '2026-11-22' as day, 12.50::decimal(10, 2) as amount")
        connection.execute("create view spend.daily as from spend.raw")
        connection.execute("create macro spend.daily_in(zone) as table select *, zone from spend.daily")
    return folder


def files() -> dict[str, str]:
    found = (path for path in Path().rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


READING = [
    "from read_text('/proc/self/environ')",
    "from read_text('other.csv')",
    "from read_blob('other.csv')",
    "from read_csv('other.csv')",
    "from read_csv_auto('other.csv')",
    "from read_json('other.csv')",
    "from read_ndjson_objects('other.csv')",
    "from read_parquet('other.parquet')",
    "from parquet_scan('other.parquet')",
    "from parquet_metadata('other.parquet')",
    "from parquet_schema('other.parquet')",
    "from sniff_csv('other.csv')",
    "from glob('*')",
    "from glob('/etc/*')",
    "from 'other.csv'",
    "from 'other.parquet'",
    "from 'other.duckdb'",
    "from '/etc/passwd'",
    "from 'https://example.com/x.csv'",
    "from read_csv('https://example.com/x.csv')",
    "from 's3://bucket/x.parquet'",
    "from query('from read_text(''other.csv'')')",
    "from query_table('other.csv')",
    "describe from read_csv('other.csv')",
    "summarize from read_csv('other.csv')",
    "select (select content from read_text('other.csv'))",
    "with t as (from read_text('other.csv')) from t",
    "create temp table t as from read_text('other.csv')",
    "create temp view v as from read_text('other.csv'); from v",
    "create temp macro m() as table from read_text('other.csv'); from m()",
    "from duckdb_databases() as known, read_text(known.path)",
    "select getenv('CLOUDFLARE_API_TOKEN')",
    "from sqlite_scan('other.duckdb', 'hidden')",
    "from postgres_scan('host=localhost', 'public', 't')",
    "explain analyze from read_text('other.csv')",
]
REACHING = [
    "attach 'other.duckdb'",
    "attach 'other.duckdb' as other (read_only)",
    "attach 'new.duckdb'",
    "attach ':memory:' as other",
    "attach 'billing.duckdb' as again",
    "detach billing",
    "use memory; detach billing; attach 'billing.duckdb'",
    "import database 'somewhere'",
    "install httpfs",
    "install httpfs from community",
    "force install httpfs",
    "load httpfs",
    "load 'other.duckdb_extension'",
    "update extensions",
    "create secret s (type s3, key_id 'a', secret 'b')",
    "create persistent secret s (type s3, key_id 'a', secret 'b')",
]
WRITING = [
    "copy spend.raw to 'out.csv'",
    "copy (select 1) to 'out.parquet'",
    "copy (select 1) to 'billing.duckdb'",
    "copy (select 1) to 'billing.duckdb' (format csv, use_tmp_file false)",
    "copy (select 1) to 'billing.duckdb.wal' (format csv)",
    "copy (select 1) to 'billing.duckdb.tmp/out.csv' (format csv)",
    "copy (select 1) to '/dev/stdout'",
    "copy spend.raw from 'other.csv'",
    "explain analyze copy (select 1) to 'billing.duckdb.wal' (format csv)",
    "/* a */ explain /* b */ analyze copy (select 1) to 'billing.duckdb.wal' (format csv)",
    "explain (analyze, format json) copy (select 1) to 'billing.duckdb.wal' (format csv)",
    "-- a comment\nexplain analyze copy (select 1) to 'billing.duckdb.wal' (format csv)",
    "prepare p as copy (select 1) to 'billing.duckdb.wal' (format csv); execute p",
    "select 1; copy (select 1) to 'billing.duckdb.wal' (format csv)",
    "begin; copy (select 1) to 'billing.duckdb.wal' (format csv); commit",
    "export database 'out'",
    "insert into spend.raw values ('2026-11-23', 1)",
    "update spend.raw set amount = 0",
    "delete from spend.raw",
    "truncate spend.raw",
    "drop view spend.daily",
    "drop schema spend cascade",
    "create table mine as select 1",
    "create or replace view spend.daily as select 1",
    "comment on view spend.daily is 'mine'",
    "alter table spend.raw add column b int",
]
SETTING = [
    "set enable_external_access = true",
    "set global enable_external_access = true",
    "reset enable_external_access",
    "set lock_configuration = false",
    "reset lock_configuration",
    "set allowed_paths = ['/etc/passwd']",
    "set allowed_directories = ['/']",
    "set autoload_known_extensions = true",
    "set custom_extension_repository = 'http://example.com'",
    "set python_enable_replacements = true",
    "set temp_directory = 'elsewhere'",
    "set home_directory = 'elsewhere'",
    "set secret_directory = 'elsewhere'",
    "set log_query_path = 'out.log'",
    "set profiling_output = 'out.json'",
    "pragma profiling_output = 'out.json'",
    "pragma enable_profiling = 'json'",
    "pragma enable_logging",
    "call enable_logging(storage = 'file', storage_config = {'path': 'logs'})",
]


@pytest.mark.parametrize("sql", [*READING, *REACHING, *WRITING, *SETTING])
def test_no_statement_leads_out_of_the_database(billing: Path, sql: str) -> None:
    before = files()

    with read.connect(billing) as connection, pytest.raises(SettingsError) as caught:
        list(read.query(connection, sql).rows)

    assert caught.value.exit_code == 2
    assert SECRET not in str(caught.value)
    assert files() == before


@pytest.mark.parametrize("name", ["connection", "secret_of_ours", "read", "sys"])
def test_no_variable_of_the_program_is_a_table(billing: Path, name: str) -> None:
    import pyarrow as pa

    secret_of_ours = pa.table({"token": [SECRET]})

    with read.connect(billing) as connection, pytest.raises(SettingsError, match="does not exist"):
        list(read.query(connection, f"from {name}").rows)
    assert secret_of_ours


@pytest.mark.parametrize(
    "sql",
    [
        "from duckdb_secrets()",
        "from duckdb_logs",
        "from duckdb_variables()",
        "from which_secret('s3://bucket/x', 's3')",
    ],
)
def test_what_duckdb_keeps_of_its_user_is_not_there(billing: Path, sql: str) -> None:
    with read.connect(billing) as connection:
        assert list(read.query(connection, sql).rows) == []


@pytest.mark.parametrize(
    "sql",
    [
        "from spend.daily",
        "from billing.spend.daily",
        "from spend.daily_in('Europe/Berlin')",
        "select sum(amount) from spend.daily group by all order by all",
        "with days as (from spend.daily) from days",
        "pivot spend.daily on day using sum(amount)",
        "unpivot (select 1 as a, 2 as b) on a, b",
        "values (1)",
        "describe spend.daily",
        "summarize spend.daily",
        "show all tables",
        "show tables from spend",
        "explain from spend.daily",
        "explain analyze from spend.daily",
        "pragma table_info('spend.raw')",
        "pragma database_list",
        "call duckdb_views()",
        "from duckdb_settings()",
        "select view_name, comment from duckdb_views() where schema_name = 'spend'",
        "from information_schema.tables",
        "create temp table mine as from spend.daily; from mine",
        "create temp macro twice(a) as 2 * a; select twice(21)",
        "set variable day = date '2026-11-22'; from spend.daily where day = getvariable('day')",
        "use spend; from daily",
        "select timestamptz '2026-11-22 10:00:00Z' at time zone 'Europe/Berlin'",
        "select json_extract('{\"a\": 1}', '$.a'), regexp_extract('abc', 'b'), list_sum([1, 2])",
        "begin; from spend.daily; commit; from spend.daily",
        "select 1; from spend.daily",
        "from range(3) as a, lateral (select a.range)",
        "select 'copy spend.raw to ''out.csv''' as words",
        "select 1 as copy, 2 as attach",
    ],
)
def test_whatever_only_asks_the_database_still_runs(billing: Path, sql: str) -> None:
    before = files()

    with read.connect(billing) as connection:
        answer = read.query(connection, sql)

        assert answer.columns
        assert list(answer.rows)
    assert files() == before


def test_one_question_after_another_may_be_asked(billing: Path) -> None:
    with read.connect(billing) as connection:
        for _ in range(3):
            assert len(list(read.query(connection, "from spend.daily").rows)) == 1


def test_the_command_says_what_it_does_not_run(billing: Path) -> None:
    result = aig("query", "from read_text('/proc/self/environ')", "--database", str(billing))

    assert result.code == 2
    assert "reads this database and nothing else" in result.err
    assert SECRET not in result.out + result.err
