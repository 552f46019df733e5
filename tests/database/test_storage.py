"""The published file opens in the DuckDB programs that people have, whatever DuckDB wrote it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import storage, views
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.bench import Bench
from support.constants import HOUR, TODAY
from support.raw_tables import database

READERS = Path(__file__).parents[2] / ".venv" / "readers"
"""Made by `make .venv/.readers`."""
NODE = Path(__file__).parents[1] / "support" / "read_with_node.mjs"
PYTHON = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
connection.execute("set enable_progress_bar = false")  # it would go to standard output
print(json.dumps([connection.execute(statement).fetchall() for statement in json.load(sys.stdin)]))
"""

RICH = (
    "create sequence numbers start 5",
    "create type mood as enum ('good', 'bad')",
    """create table people (id int primary key default nextval('numbers'), mood mood,
        paid decimal(38, 18) not null check (paid > 0), twice int generated always as (id * 2))""",
    "insert into people (mood, paid) values ('good', 1.000000000000000001), ('bad', 2)",
    "create table visits (who int references people (id), parts struct(a int, b varchar[]), seen timestamptz)",
    "insert into visits values (5, {'a': 1, 'b': ['x']}, '2026-11-22 10:00:00+00')",
    "create index by_who on visits (who)",
    "create view rich as from people where paid > 1",
    "create view a_view_of_a_view as from rich",
    "create macro plus(a, b) as a + b",
    "create macro first_numbers(n) as table select * from range(n)",
    "create schema team",
    "create table team.budget as select 'ml' as team",
    "comment on table people is 'who pays'",
    "comment on column people.paid is 'in dollars'",
    "comment on view rich is 'who pays most'",
    "comment on macro plus is 'adds'",
)
CATALOG = (
    "select schema_name, table_name, comment, sql from duckdb_tables() order by all",
    "select schema_name, view_name, comment, sql from duckdb_views() where not internal order by all",
    "select function_name, comment, macro_definition from duckdb_functions() where not internal order by all",
    "select table_name, column_name, comment, data_type from duckdb_columns() where not internal order by all",
    "select table_name, constraint_text from duckdb_constraints() order by all",
    "select index_name, sql from duckdb_indexes() order by all",
    "select sequence_name, last_value from duckdb_sequences() order by all",
    "select type_name, labels from duckdb_types() where not internal order by all",
    "from people",
    "from visits",
    "from a_view_of_a_view",
    "from team.budget",
)  # fmt: skip


def ask(path: Path, *statements: str) -> list[Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [connection.execute(statement).fetchall() for statement in statements]


def newest(path: Path, *statements: str) -> Path:
    """A database in the storage version that the DuckDB in use would choose if it were to go by what is new."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as made (storage_version 'latest')")
        connection.execute("use made")
        for statement in statements:
            connection.execute(statement)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "billing.duckdb")
    made.create()
    return made


def test_a_published_file_has_the_promised_storage_version(tmp_path: Path) -> None:
    """Byte 12 of the file. After a second load too, which works on a copy that dlt opens by itself."""
    bench = Bench(tmp_path)
    bench.account().set_hour(TODAY, 5)
    for _ in range(2):
        bench.load_well()
        bench.now += HOUR

        assert int.from_bytes(bench.database.read_bytes()[12:20], "little") == 64
    assert ask(bench.database, "select tags['storage_version'] from duckdb_databases() where path is not null") == [
        [("v1.0.0+",)]
    ]


def test_a_file_of_another_storage_version_is_converted_by_the_next_load(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.account().set_hour(TODAY, 5)
    newest(bench.database, "create table mine as select 42 as answer")
    assert storage.number(bench.database) != storage.NUMBER

    bench.load_well()

    assert storage.number(bench.database) == storage.NUMBER
    assert ask(bench.database, "from mine") == [[(42,)]]
    bench.assert_equals_world()


def test_a_conversion_keeps_everything_that_a_file_can_have_in_it(workspace: Workspace) -> None:
    newest(workspace.published, *RICH)
    before = ask(workspace.published, *CATALOG)

    workspace.begin().close()
    workspace.publish()

    assert storage.number(workspace.published) == storage.NUMBER
    assert ask(workspace.published, *CATALOG) == before


def test_a_conversion_leaves_the_views_of_a_load_as_they_are(tmp_path: Path) -> None:
    """They are bound to nothing of the file's old name, and their fingerprint still fits."""
    stored = (
        "select view_name, view_oid from duckdb_views() where schema_name = 'spend' order by all",
        "from ai_gateway_billing._views_applied",
    )
    database(tmp_path).close()
    with duckdb.connect(str(tmp_path / "billing.duckdb")) as connection:
        views.apply(connection, "cents")
    newest_file = tmp_path / "newest.duckdb"
    newest(newest_file, f"attach '{tmp_path / 'billing.duckdb'}' as old", "copy from database old to made")
    storage.convert(newest_file, tmp_path / "converted.duckdb")
    before = ask(tmp_path / "converted.duckdb", *stored)

    with duckdb.connect(str(tmp_path / "converted.duckdb")) as connection:
        views.apply(connection, "cents")

    assert ask(tmp_path / "converted.duckdb", *stored) == before


def test_what_only_newer_versions_can_hold_stays_and_is_told(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest(workspace.published, "create table mine as select 42 as answer")
    before = storage.number(workspace.published)

    def cannot(original: Path, converted: Path) -> None:
        converted.write_text("half of it")
        raise duckdb.NotImplementedException("this type needs a newer storage version")

    monkeypatch.setattr(storage, "convert", cannot)
    workspace.begin().close()
    workspace.publish()

    assert "stays in a storage version that only newer DuckDB programs read" in caplog.text
    assert storage.number(workspace.published) == before
    assert ask(workspace.published, "from mine") == [[(42,)]]


def test_no_view_is_stored_with_a_function_that_older_versions_write_as_syntax(tmp_path: Path) -> None:
    """`if(a, b, c)` is stored as a call of "if", which DuckDB before 2.0 does not know; `case` is stored as itself."""
    with database(tmp_path) as connection:
        stored = connection.execute(
            "select view_name, sql from duckdb_views() where schema_name = 'spend' "
            "union all select function_name, macro_definition from duckdb_functions() where schema_name = 'spend'"
        ).fetchall()

    assert {name for name, _ in stored} >= {*views.VIEWS}
    assert not [name for name, sql in stored if re.search(r'"if"\(|\bif\(', sql, re.IGNORECASE)]


TOO_NEW = "IO Error: Trying to read a database file with version number "


@pytest.mark.parametrize(
    ("told", "is_newer"),
    [
        (TOO_NEW + "999, but we can only read versions between 64 and 68.\nThe database file was created with", True),
        (TOO_NEW + "67, but we can only read version 64.", True),
        ("IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block 1", False),
    ],
)
def test_a_file_of_a_newer_duckdb_is_told_from_a_damaged_one(tmp_path: Path, told: str, is_newer: bool) -> None:
    path = newest(tmp_path / "billing.duckdb")

    message = storage.why_unreadable(path, duckdb.IOException(told), named=path)

    if is_newer:
        assert f"written by DuckDB v{duckdb.__version__}" in message
        assert f"the DuckDB {duckdb.__version__} installed here is too old" in message
        assert "not damaged" in message
        assert "Move it away" not in message
    else:
        assert "damaged or no DuckDB database" in message


# --- other programs --------------------------------------------------------------------------------------------------


def everything(path: Path) -> list[str]:
    """A statement for each table, view and macro, whose rows are text, so that clients cannot differ in types."""
    query = (
        'select format(\'"{}"."{}"\', schema_name, name) from (select schema_name, table_name as name from '
        "duckdb_tables() union all select schema_name, view_name from duckdb_views() where not internal) order by all"
    )
    names = [name for (name,) in ask(path, query)[0]]
    assert len(names) > len(views.VIEWS)
    macros = [f"spend.{name}('Europe/Berlin')" for name in views.MACROS]
    comments = "select view_name, comment from duckdb_views() where schema_name = 'spend' order by all"
    columns = "select column_name, comment from duckdb_columns() where schema_name = 'spend' order by all"
    rows = [f"select columns(*)::varchar from {name} order by all" for name in [*names, *macros]]
    return ["set timezone = 'UTC'", comments, columns, *rows]


def client(name: str, path: Path) -> list[str]:
    """The command that reads the statements on standard input with this client."""
    folder = READERS / name
    if not folder.is_dir():
        pytest.skip("needs the environments that `make .venv/.readers` makes")
    if name == "node":
        return ["node", str(NODE), str(folder), str(path)]
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{PYTHON}", str(path)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "demo.duckdb"
    command = [sys.executable, "-m", "ai_gateway_billing_pipeline", "load", "--demo", "--database", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oldest", "newest-1", "newest", "node"])
def test_every_table_view_and_macro_reads_the_same_in_another_program(demo: Path, tmp_path: Path, name: str) -> None:
    if name == "node" and not shutil.which("node"):
        pytest.skip("needs node")
    statements = everything(demo)
    expected = [[list(row) for row in rows] for rows in ask(demo, *statements)]

    done = subprocess.run(
        client(name, demo), input=json.dumps(statements), capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert done.returncode == 0, done.stderr
    for statement, rows, answered in list(zip(statements, expected, json.loads(done.stdout), strict=True))[1:]:
        assert answered == rows, statement
