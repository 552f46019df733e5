"""What the published file answers to SQL of the user's own, and whether it can be opened."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import read, storage
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.command import aig

DATABASE = Path("billing.duckdb")


def make(sql: str = "select 1") -> None:
    with duckdb.connect(str(DATABASE)) as connection:
        connection.execute(sql)


# --- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["status"], ["query", "select 1"]])
def test_a_missing_file_is_a_bad_setting(arguments: list[str]) -> None:
    result = aig(*arguments, "--database", "elsewhere.duckdb")

    assert result.code == 2
    assert "There is no database elsewhere.duckdb. Run `aig-billing load` first" in result.err


def test_a_file_that_is_no_database() -> None:
    DATABASE.write_bytes(b"no database " * 1000)

    result = aig("status")

    assert result.code == 1
    assert "damaged or no DuckDB database" in result.err


def test_a_file_that_another_program_writes_is_busy() -> None:
    make()
    hold = f"import duckdb; c = duckdb.connect({str(DATABASE)!r}); print('held', flush=True); input()"

    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        result = aig("query", "select 1")
        holder.communicate(b"\n")

    assert result.code == 5
    assert "open for writing in another program" in result.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be")
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_that_may_not_be_read_says_so(closed: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        storage.create(folder / "billing.duckdb")
        folder.chmod(0o755 if closed == "file" else 0o700)
        (folder / "billing.duckdb").chmod(0o600 if closed == "file" else 0o644)
        os.seteuid(65534)
        try:
            with pytest.raises(SettingsError, match=r"You may not read .*billing\.duckdb \(permission denied\)"):
                read.connect(folder / "billing.duckdb")
        finally:
            os.seteuid(0)


@pytest.mark.parametrize(
    "name", ['it\'s my "billing".duckdb', "memory.duckdb", "temp.db", "größe 2026.duckdb", "main", "select.x.db"]
)
def test_a_file_of_any_name_can_be_read(name: str) -> None:
    with duckdb.connect(name) as connection:
        connection.execute("create table t as select 42 as answer")

    with read.connect(Path(name)) as connection:
        assert list(read.query(connection, "from t").rows) == [(42,)]


def test_a_new_connection_sees_the_next_load_while_older_ones_are_open() -> None:
    """DuckDB gives a process that connects to one path again the database that it has open there, the old one."""
    workspace = Workspace(DATABASE.absolute())
    workspace.create()
    seen = []
    opened = []
    for number in range(3):
        with workspace.begin() as working:
            working.execute(f"create or replace table t as select {number} as number")
        workspace.publish()
        opened.append(read.connect(DATABASE))
        seen = [connection.execute("from t").fetchall() for connection in opened]

    assert seen == [[(0,)], [(1,)], [(2,)]], "who has an old file open goes on with it"
    for connection in opened:
        connection.close()


# --- query -----------------------------------------------------------------------------------------------------------


def test_python_variables_are_no_tables() -> None:
    make()
    with read.connect(DATABASE) as connection, pytest.raises(SettingsError):
        read.query(connection, "select * from DATABASE")


def test_decimals_stay_decimals() -> None:
    make()
    with read.connect(DATABASE) as connection:
        answer = read.query(connection, "select 1.5::decimal(38, 18) as amount, 'x' as words, [1] as list")

        assert answer.numbers == [0]
        assert list(answer.rows) == [(Decimal("1.5"), "x", [1])]
