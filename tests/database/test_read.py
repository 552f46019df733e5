"""What the published file answers: SQL of the user's own, and the state of each resource."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database import read, storage
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.command import aig
from support.constants import ACCOUNT, OTHER

DATABASE = Path("billing.duckdb")
LOADED = f"""
    create schema ai_gateway_billing;
    use ai_gateway_billing;
    set timezone = 'UTC';
    create table usage_hourly (account_id varchar, start_time timestamptz, aggregated_value decimal(38, 18));
    insert into usage_hourly values
        ('{ACCOUNT}', '2026-11-20 23:00:00Z', 1.5), ('{ACCOUNT}', '2026-11-21 10:00:00Z', 2.000000000000000001),
        ('{OTHER}', '2026-11-19 00:00:00Z', 40);
    create table usage_coverage (account_id varchar, "grouping" varchar, day date, read_until timestamptz);
    insert into usage_coverage values
        ('{ACCOUNT}', 'hour', '2026-11-18', '2026-11-19 00:00:00Z'),
        ('{ACCOUNT}', 'hour', '2026-11-20', '2026-11-21 00:00:00Z'),
        ('{ACCOUNT}', 'hour', '2026-11-21', '2026-11-21 11:00:00Z');
    create table credit_balance (account_id varchar, balance decimal(38, 18), _dlt_valid_from timestamptz);
    create table load_status (
        account_id varchar, resource varchar, status varchar, error varchar, skipped varchar,
        last_attempt_at timestamptz, last_success_at timestamptz
    );
    insert into load_status values
        ('{ACCOUNT}', 'usage_hourly', 'ok', null, null, '2026-11-21 11:30:00Z', '2026-11-21 11:30:00Z'),
        ('{ACCOUNT}', 'invoice_preview', 'skipped', null, 'nothing to preview', '2026-11-21 11:30:00Z', null),
        ('{OTHER}', 'usage_hourly', 'failed', 'It was refused.', null, '2026-11-21 11:30:00Z', '2026-11-20 11:30:00Z');
    create table quarantine (account_id varchar, resource varchar);
    insert into quarantine values ('{ACCOUNT}', 'invoice_preview__invoice_lines'), ('{ACCOUNT}', 'invoice_preview');
    create table unknown_fields (table_name varchar, field varchar, data_type varchar, first_seen_at timestamptz);
    insert into unknown_fields values ('usage_hourly', 'model', 'text', '2026-11-20 11:30:00Z');
"""


def make(sql: str = "select 1") -> None:
    with duckdb.connect(str(DATABASE)) as connection:
        connection.execute(sql)


def holding(account_id: str, resource: str) -> read.Holding:
    with read.connect(DATABASE) as connection:
        return next(h for h in read.holdings(connection) if (h.account_id, h.resource) == (account_id, resource))


# --- status ----------------------------------------------------------------------------------------------------------


def test_each_resource_has_its_rows_its_newest_and_its_last_load() -> None:
    make(LOADED)

    found = holding(ACCOUNT, "usage_hourly")

    assert (found.rows, found.status, found.error) == (2, "ok", None)
    assert found.newest == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert found.last_success_at == datetime(2026, 11, 21, 11, 30, tzinfo=UTC)


def test_coverage_counts_whole_days_and_those_that_are_missing() -> None:
    make(LOADED)

    covered = holding(ACCOUNT, "usage_hourly").coverage

    assert covered == read.Coverage(date(2026, 11, 18), datetime(2026, 11, 21, 11, tzinfo=UTC), days=2, missing=1)


def test_coverage_is_as_old_as_the_usage_that_it_is_about() -> None:
    make(LOADED)

    assert holding(ACCOUNT, "usage_coverage").last_success_at == datetime(2026, 11, 21, 11, 30, tzinfo=UTC)


def test_a_failed_resource_keeps_its_last_success() -> None:
    make(LOADED)

    found = holding(OTHER, "usage_hourly")

    assert (found.status, found.error, found.rows) == ("failed", "It was refused.", 1)
    assert found.last_success_at == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


def test_quarantined_items_of_child_tables_count_with_their_resource() -> None:
    make(LOADED)

    assert holding(ACCOUNT, "invoice_preview").quarantined == 2


def test_status_tells_all_of_it() -> None:
    make(LOADED)

    result = aig("status")

    assert result.code == 0, result.err
    assert result.out.index(ACCOUNT) < result.out.index(OTHER)
    assert "usage_hourly covers 2026-11-18 to 2026-11-21 11:00: 2 whole days, 1 missing." in result.out
    assert "nothing to preview; 2 quarantined" in result.out
    assert "failed 2026-11-21 11:30: It was refused." in result.out
    assert "Unknown field usage_hourly.model (text), since 2026-11-20 11:30." in result.out


def test_status_as_json() -> None:
    make(LOADED)

    status = aig("status", "--json").json

    usage = status["accounts"][ACCOUNT]["usage_hourly"]
    assert status["database"] == "billing.duckdb"
    assert status["quarantined"] == 2
    assert status["unknown_fields"][0]["field"] == "model"
    assert usage["rows"] == 2
    assert usage["cursor"] == "2026-11-21T11:00:00Z"
    assert usage["coverage"] == {
        "first_day": "2026-11-18",
        "read_until": "2026-11-21T11:00:00Z",
        "days": 2,
        "missing": 1,
    }


def test_status_of_tables_without_any_account() -> None:
    make(
        "create schema ai_gateway_billing;"
        "create table ai_gateway_billing.invoices (account_id varchar, created timestamptz)"
    )

    result = aig("status")

    assert result.code == 0
    assert result.out == "No account has been loaded yet.\n"


def test_status_of_a_database_of_somebody_else() -> None:
    make("create table mine as select 1")

    result = aig("status")

    assert result.code == 2
    assert "contains no AI Gateway billing yet" in result.err


def test_a_table_of_ours_in_another_shape_is_told() -> None:
    make("create schema ai_gateway_billing; create table ai_gateway_billing.invoices as select 1 as one")

    told = aig("status", "--database", str(DATABASE))

    assert told.code == 2
    assert "was written by another version of aig-billing, or changed since" in told.err


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
        read.query(connection, "select * from LOADED")


def test_decimals_stay_decimals() -> None:
    make()
    with read.connect(DATABASE) as connection:
        answer = read.query(connection, "select 1.5::decimal(38, 18) as amount, 'x' as words, [1] as list")

        assert answer.numbers == [0]
        assert list(answer.rows) == [(Decimal("1.5"), "x", [1])]
