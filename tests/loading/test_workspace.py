"""The published file is the truth: what else lies about, is missing or broken costs nothing that was in it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError, SettingsError
from ai_gateway_billing_pipeline.loading import workspace as module
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, TODAY


def elsewhere(code: str) -> str:
    """Run Python in another process and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def left_open(database: Path, *statements: str) -> None:
    """What a process leaves behind that writes and is then killed: the file, and its write-ahead log beside it."""
    lines = "".join(f"c.execute({statement!r}); " for statement in statements)
    elsewhere(f"import duckdb, os; c = duckdb.connect({str(database)!r}); {lines} os._exit(0)")


def make(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def ask(path: Path, query: str) -> list[Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "billing.duckdb")
    made.create()
    return made


@pytest.fixture
def mine(workspace: Workspace) -> Workspace:
    """A published file with a table of the user's own."""
    make(workspace.published, "create table mine as select 42 as answer")
    return workspace


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory, clean_session: None) -> Bench:
    """A database with some history: two versions of the balance, usage older than any look-back."""
    bench = Bench(tmp_path_factory.mktemp("loaded"), start="2026-09-01").with_tables()
    account = bench.account()
    for days in (0, 1, 30, 80):
        account.set_hour(TODAY - days * DAY, Decimal(days + 1))
    account.set_balance(Decimal(100))
    bench.load_well()
    account.set_balance(Decimal(90))
    bench.now += HOUR
    bench.load_well()
    return bench


@pytest.fixture
def bench(loaded_once: Bench, tmp_path: Path) -> Iterator[Bench]:
    """The loaded database with its folder, to spoil; two hours later."""
    bench = Bench(tmp_path, loaded_once.world, now=loaded_once.now + HOUR, start=loaded_once.start)
    shutil.copy2(loaded_once.database, bench.database)
    shutil.copytree(folder_of(loaded_once), folder_of(bench))
    account = bench.world.accounts[ACCOUNT]
    yield bench
    account.set_balance(Decimal(90))


def folder_of(bench: Bench) -> Path:
    return bench.database.with_name(bench.database.name + ".load")


def balances(bench: Bench) -> list[Decimal]:
    return [version["balance"] for version in bench.versions("credit_balance")]


# --- where things stand ----------------------------------------------------------------------------------------------


def test_a_load_leaves_the_published_file_and_a_folder_of_dlts(bench: Bench) -> None:
    bench.load_well()

    assert names(bench.database.parent) == ["billing.duckdb", "billing.duckdb.load"]
    assert names(folder_of(bench)) == ["dlt", "lock"]


def test_the_published_file_can_be_read_as_soon_as_it_is_there(bench: Bench) -> None:
    """Also while the process that loaded lives on: nothing in it has the file open."""
    bench.load_well()

    count = f"import duckdb; print(len(duckdb.connect({str(bench.database)!r}).execute('show all tables').fetchall()))"
    assert int(elsewhere(count)) > 10


def test_the_published_file_holds_nothing_half_loaded(bench: Bench) -> None:
    bench.load_well()

    schemas = {name for (name,) in bench.rows("select distinct table_schema from information_schema.tables")}
    assert schemas == {"ai_gateway_billing", "spend"}
    assert bench.one("select count(*) from {raw}._dlt_pipeline_state") == 1


def test_a_load_that_reads_nothing_leaves_the_published_file_as_it_was(bench: Bench) -> None:
    before = bench.database.read_bytes()
    bench.faults.add(403)

    assert bench.load(ACCOUNT).exit_code == 3
    assert bench.database.read_bytes() == before
    assert names(folder_of(bench)) == ["dlt", "lock"], "no copy lies about"


def test_a_first_load_that_reads_nothing_publishes_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.account()
    bench.faults.add(500)

    assert bench.load(ACCOUNT).exit_code == 6
    assert not bench.database.exists()


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["spend.duckdb", "Spend.DuckDB", "spend.2026.duckdb", "ai_gateway_billing.db", "ai_gateway_billing_staging.duckdb",
     "main.duckdb", "temp", "system.db", "memory.duckdb", "information_schema.duckdb",
     "50%/billing.duckdb", "what?.duckdb", "it's.duckdb", "back\\slash.duckdb"],
)  # fmt: skip
def test_a_name_that_duckdb_or_dlt_would_misunderstand_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="--database"):
        Workspace(tmp_path / name).create()

    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("lock", marks=pytest.mark.thorough),
        pytest.param("dlt", marks=pytest.mark.slow),
        pytest.param("work", marks=pytest.mark.slow),
        pytest.param(".duckdb", marks=pytest.mark.slow),
        '[my] {bill} *2026*; "ünï".duckdb',
    ],
)
def test_every_other_name_will_do(tmp_path: Path, name: str) -> None:
    bench = Bench(tmp_path)
    bench.account().set_hour(TODAY, "1.5")
    bench.database = tmp_path / name
    bench.load_well()
    bench.load_well()

    bench.assert_equals_world()
    assert bench.rows("select sum(amount) from spend.hourly") == [(Decimal("0.015"),)]
    assert names(tmp_path) == sorted([name, f"{name}.load"])


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "not" / "yet" / "billing.duckdb")

    workspace.create()

    assert workspace.folder.is_dir()


def test_the_folder_is_private(workspace: Workspace) -> None:
    assert workspace.folder.stat().st_mode & 0o777 == 0o700

    with workspace.begin():
        below = {place.stat().st_mode & 0o777 for place in (workspace.working.parent, workspace.dlt)}

    assert below == {0o700}


def test_a_link_stays_a_link(bench: Bench) -> None:
    disk = bench.database.parent / "disk"
    disk.mkdir()
    real = bench.database.rename(disk / "billing.duckdb")
    bench.database.symlink_to(real)
    before = real.read_bytes()

    bench.load_well()

    assert bench.database.is_symlink()
    assert real.read_bytes() != before
    bench.assert_equals_world()


def test_who_may_read_the_published_file_stays_as_it_was_set(mine: Workspace) -> None:
    mine.published.chmod(0o640)
    mine.begin()

    mine.publish()

    assert mine.published.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_whose_the_published_file_is_stays_as_it_was_set(mine: Workspace) -> None:
    os.chown(mine.published, 1234, 2345)
    mine.begin()

    mine.publish()

    assert (mine.published.stat().st_uid, mine.published.stat().st_gid) == (1234, 2345)


# --- what else is in the file ----------------------------------------------------------------------------------------


def test_tables_and_views_of_the_users_own_survive(bench: Bench) -> None:
    make(
        bench.database,
        "create schema team",
        "create table team.budget as select 'ml' as team, 12.5::decimal(10, 2) as dollars",
        "create view spent as select sum(amount) as dollars from spend.daily",
        "create table ai_gateway_billing.notes as select 'kept' as note",
    )

    bench.load_well()

    assert bench.rows("from team.budget") == [("ml", Decimal("12.50"))]
    assert bench.rows("from {raw}.notes") == [("kept",)]
    assert bench.one("select dollars > 0 from spent") is True


def test_the_first_load_into_a_database_of_the_users_own_adds_to_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.account().set_hour(TODAY, 5)
    make(bench.database, "create table mine as select 42 as answer")

    bench.load_well()

    bench.assert_equals_world()
    assert bench.one("select answer from mine") == 42


# --- files that are no database --------------------------------------------------------------------------------------


def some_text(path: Path) -> None:
    path.write_text("date,dollars\n2026-11-22,12.5\n" * 1000)


def empty(path: Path) -> None:
    path.touch()


def cut_short(path: Path) -> None:
    make(path, "create table t as from range(300000)")
    path.write_bytes(path.read_bytes()[:100_000])


def damaged(path: Path) -> None:
    """So that DuckDB speaks of a block, in which there is a lock."""
    make(path, "create table t as from range(300000)")
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\x07" * 4096
    content[8192:12288] = b"\x07" * 4096
    path.write_bytes(content)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [some_text, empty, cut_short, damaged, a_folder])
def test_a_file_that_is_no_database_of_ours_is_left_alone(workspace: Workspace, spoil: Callable[[Path], None]) -> None:
    spoil(workspace.published)
    before = workspace.published.read_bytes() if workspace.published.is_file() else None

    with pytest.raises((DatabaseError, OSError)) as caught:
        workspace.begin()

    if isinstance(caught.value, DatabaseError):
        assert "billing.duckdb is damaged or no DuckDB database" in str(caught.value)
        assert "--database" in str(caught.value)
    assert before is None or workspace.published.read_bytes() == before


@pytest.mark.parametrize("spoil", [some_text, a_folder])
def test_a_load_onto_no_database_ends_with_a_clear_error(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    bench = Bench(tmp_path)
    bench.account()
    spoil(bench.database)

    with pytest.raises(DatabaseError, match=r"billing\.duckdb") as caught:
        bench.load()

    assert caught.value.exit_code == 1
    assert bench.simulator.requests == [], "nothing is asked for that could not be kept"


@pytest.mark.slow
@pytest.mark.parametrize("place", range(0, 100, 4))
def test_a_file_with_a_hole_somewhere_is_never_made_worse(bench: Bench, place: int) -> None:
    content = bytearray(bench.database.read_bytes())
    at = len(content) * place // 100
    content[at : at + 2000] = bytes(2000)
    bench.database.write_bytes(content)

    try:
        bench.load_well()
    except DatabaseError:
        assert bench.database.read_bytes() == content
    else:
        bench.assert_equals_world()


# --- what is lost ----------------------------------------------------------------------------------------------------


def test_the_folder_deleted_loses_nothing(bench: Bench) -> None:
    shutil.rmtree(folder_of(bench))
    bench.world.accounts[ACCOUNT].set_balance(Decimal(80))

    bench.load_well()

    bench.assert_equals_world()
    assert balances(bench) == [100, 90, 80]
    asked = [request for request in bench.simulator.requests if request.endpoint == "usage-history"]
    assert len(asked) == 2, "the cursors are in the database"


def test_the_database_deleted_starts_a_complete_new_history(bench: Bench) -> None:
    bench.database.unlink()

    bench.load_well()

    bench.assert_equals_world()
    assert balances(bench) == [90]
    assert len(bench.coverage("hour")) == 83, "every day since the start"


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(["_dlt_pipeline_state"], marks=pytest.mark.slow),
        pytest.param(["_dlt_loads"], marks=pytest.mark.slow),
        pytest.param(["_dlt_version"], marks=pytest.mark.slow),
        pytest.param(["_dlt_pipeline_state", "_dlt_loads", "_dlt_version"], marks=pytest.mark.slow),
        pytest.param(["load_status", "quarantine", "unknown_fields"], marks=pytest.mark.slow),
        pytest.param(["usage_coverage"], marks=pytest.mark.slow),
        ["usage_hourly", "_dlt_pipeline_state"],
    ],
    ids="+".join,
)
def test_dropped_tables_are_made_and_filled_anew(bench: Bench, tables: list[str]) -> None:
    make(bench.database, *(f"drop table ai_gateway_billing.{table}" for table in tables))
    bench.world.accounts[ACCOUNT].set_balance(Decimal(80))

    bench.load_well()

    bench.assert_equals_world()
    assert balances(bench) == [100, 90, 80]


def test_a_state_that_a_wrong_clock_dated_ahead_is_replaced_by_the_next(bench: Bench) -> None:
    ahead = "update ai_gateway_billing.{} = '9999999999.0'"
    make(bench.database, ahead.format("_dlt_loads set load_id"), ahead.format("_dlt_pipeline_state set _dlt_load_id"))
    bench.now += 10 * DAY
    bench.load_well()
    bench.simulator.requests.clear()

    bench.load_well()

    asked = [request for request in bench.simulator.requests if request.endpoint == "usage-history"]
    assert len(asked) == 2, "the cursors of the load before were kept"
    assert bench.one("select count(*) from {raw}._dlt_pipeline_state") == 1


def leftovers_of_another_version(folder: Path) -> None:
    package = folder / "pending" / "ai_gateway_billing" / "load" / "normalized" / "1700000000.5"
    (package / "new_jobs").mkdir(parents=True)
    (package / "new_jobs" / "usage_hourly.0123456789.0.parquet").write_text("no parquet")
    (package / "schema.json").write_text('{"version": 1, "engine_version": 999}')
    (folder / "pending.base").write_text("none")
    (folder / "pending.half").mkdir()
    (folder / "work.duckdb").write_text("a working file under another name")


def leftovers_of_dlt(folder: Path) -> None:
    """A package that was never loaded, made by a dlt of the far future, and a state that is none."""
    pipeline = folder / "dlt" / "ai_gateway_billing"
    shutil.copytree(next((pipeline / "load" / "loaded").iterdir()), pipeline / "load" / "normalized" / "1.5")
    (pipeline / "load" / ".version").write_text("999.0.0")
    (pipeline / "state.json").write_text('{"half": ')
    (pipeline / "schemas" / "ai_gateway_billing.rows.tables.json").write_bytes(b"\x00" * 100)


def leftovers_of_a_dead_load(folder: Path) -> None:
    (folder / "work").mkdir()
    (folder / "work" / "billing.duckdb").write_text("half a copy")
    (folder / "work" / "billing.duckdb.wal").write_text("half a log")
    (folder / "work" / "billing.duckdb.tmp").mkdir()
    (folder / "lock.json").write_text('{"pid": ')


def test_what_lies_in_the_folder_changes_nothing(bench: Bench) -> None:
    leftovers_of_dlt(folder_of(bench))
    leftovers_of_another_version(folder_of(bench))
    leftovers_of_a_dead_load(folder_of(bench))

    bench.load_well()

    bench.assert_equals_world()
    assert balances(bench) == [100, 90]
    assert not (folder_of(bench) / "work").exists()


# --- write-ahead logs ------------------------------------------------------------------------------------------------


def test_what_a_killed_writer_had_committed_is_kept(mine: Workspace) -> None:
    left_open(mine.published, "insert into mine values (43)", "create table more as select 1 as one")
    assert names(mine.published.parent) == ["billing.duckdb", "billing.duckdb.load", "billing.duckdb.wal"]

    mine.begin()
    mine.publish()

    assert names(mine.published.parent) == ["billing.duckdb", "billing.duckdb.load"]
    assert ask(mine.published, "from mine order by all") == [(42,), (43,)]
    assert ask(mine.published, "from more") == [(1,)]


def test_a_working_file_that_is_not_all_written_is_not_published(mine: Workspace) -> None:
    mine.begin().close()
    left_open(mine.working, "insert into mine values (43)")

    with pytest.raises(DatabaseError, match="still being written"):
        mine.publish()

    assert ask(mine.published, "from mine") == [(42,)]


def test_a_log_that_belongs_to_another_file_is_left_out(mine: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    """A shell that had the file open from before a load, wrote, and was killed: readers cannot open the file then."""
    other = make(mine.folder / "other.duckdb", "create table mine as select 1 as answer")
    left_open(other, "insert into mine values (666)")
    (mine.folder / "other.duckdb.wal").rename(mine.published.with_name("billing.duckdb.wal"))
    with pytest.raises(duckdb.Error, match="WAL"):
        ask(mine.published, "from mine")

    mine.begin()
    mine.publish()

    assert ask(mine.published, "from mine") == [(42,)]
    assert "billing.duckdb.wal does not belong to the database" in caplog.text


@pytest.mark.slow
def test_a_whole_load_mends_a_file_that_a_stale_log_had_made_unreadable(bench: Bench) -> None:
    old = shutil.copyfile(bench.database, bench.database.with_name("old.duckdb"))
    left_open(old, "create table t as select 1 as i")
    bench.load_well()
    old.with_name("old.duckdb.wal").rename(bench.database.with_name("billing.duckdb.wal"))

    bench.load_well()

    bench.assert_equals_world()


def test_a_folder_that_cannot_be_synced_does_not_undo_a_publication(
    mine: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.begin().close()
    make(mine.working, "insert into mine values (43)")
    fsync = os.fsync

    def files_only(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    mine.publish()

    assert ask(mine.published, "from mine order by all") == [(42,), (43,)]


# --- the lock itself -------------------------------------------------------------------------------------------------


def test_the_holder_stands_beside_the_lock_as_long_as_it_is_held(workspace: Workspace) -> None:
    with workspace.locked(0):
        holder = json.loads((workspace.folder / "lock.json").read_text())

    assert holder["pid"] == os.getpid()
    assert not (workspace.folder / "lock.json").exists()


def fail() -> None:
    raise ValueError("the load failed")


def test_a_failed_load_frees_the_lock(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="failed"), workspace.locked(0):
        fail()

    assert not (workspace.folder / "lock.json").exists()
    with workspace.locked(0):
        pass


@pytest.mark.parametrize("told", ["", "{", "[]", '{"pid": 1}', None])
def test_a_holder_that_nobody_knows_is_another_process(workspace: Workspace, told: str | None) -> None:
    with workspace.locked(0):
        holder = workspace.folder / "lock.json"
        holder.unlink() if told is None else holder.write_text(told)
        with pytest.raises(DatabaseBusyError, match=r"billing\.duckdb is in use by another process") as caught:
            workspace.locked(0).__enter__()

    assert caught.value.exit_code == 5


def test_a_note_that_cannot_be_written_does_not_stop_the_load(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "write_text", refuse)

    with workspace.locked(0):
        assert not (workspace.folder / "lock.json").exists()


def refuse(*_: Any) -> None:
    raise OSError("no room")


# --- places that cannot be written -----------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path / "billing.duckdb")

    def refuse(path: Path, **_: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(DatabaseError, match=r"Cannot write .*billing\.duckdb\.load: Permission denied") as caught:
        workspace.create()
    assert "run again" in str(caught.value)


def test_a_file_in_the_folders_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "billing.duckdb.load").touch()

    with pytest.raises(DatabaseError, match=r"billing\.duckdb\.load: File exists"):
        Workspace(tmp_path / "billing.duckdb").create()


@pytest.mark.parametrize("call", ["copyfile", pytest.param("rmtree", marks=pytest.mark.slow)])
def test_a_system_error_in_a_load_names_the_place(bench: Bench, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    before = bench.database.read_bytes()

    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with monkeypatch.context() as patched:
        patched.delattr(os, "copy_file_range")
        patched.setattr(module.shutil, call, refuse)
        with pytest.raises(DatabaseError, match=r"Cannot write .*billing\.duckdb.*: Read-only file system"):
            bench.load()

    assert bench.database.read_bytes() == before
    bench.load_well()
    bench.assert_equals_world()


def test_every_connection_to_the_working_file_needs_little_memory(workspace: Workspace) -> None:
    """dlt opens its own ones: what is set must hold for them."""
    with workspace.begin():
        asked = "select current_setting('threads'), current_setting('allocator_bulk_deallocation_flush_threshold')"
        with duckdb.connect(str(workspace.working)) as another:
            threads, kept = another.execute(asked).fetchall()[0]

    assert threads == 1
    assert kept != "512.0 MiB"
