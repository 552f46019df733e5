"""One load at a time; readers of every kind before, during and after, none of them in anybody's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import DatabaseBusyError
from ai_gateway_billing_pipeline.loading.lock import locked
from support import processes
from support.processes import ACCOUNT, NOW, Gate, Place, at

pytestmark = processes.LOOPBACK

WRITING = ("dlt", "Pipeline.load")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A loaded database and the world behind it."""
    with processes.served(tmp_path_factory.mktemp("served"), processes.world_of(100)) as place:
        place.options = ["--start", "2026-11-10"]
        place.load_well()
        yield place


@pytest.fixture
def place(served: Place, tmp_path: Path) -> Place:
    """A copy of that database."""
    place = Place(tmp_path, served.url, served.simulator, served.options)
    place.database.write_bytes(served.database.read_bytes())
    return place


@contextmanager
def load_under_way(place: Place) -> Iterator[None]:
    """A load in the middle of its writing while this lasts; then it ends well."""
    gate = Gate()
    run = place.start(prepare=at(WRITING, gate))
    gate.reached()
    try:
        yield
    finally:
        gate.opened.set()
        ending = run.end()
    assert ending.code == 0, ending


def loads(database: Path) -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        ((count,),) = connection.execute("select count(*) from ai_gateway_billing._dlt_loads").fetchall()
        return int(count)


# --- loads among each other ------------------------------------------------------------------------------------------


def test_a_second_load_ends_at_once_and_names_the_first(place: Place) -> None:
    with load_under_way(place):
        holder = json.loads((place.working_folder / "lock.json").read_text())
        before = time.monotonic()
        ending = place.run("--json")
        seconds = time.monotonic() - before

    assert ending.code == 5
    assert f"in use by process {holder['pid']} on {holder['host']}, since" in ending.err
    assert "--wait" in ending.err
    assert json.loads(ending.out)["status"] == "failed"
    assert seconds < 10
    assert loads(place.database) == 2, "the first load has not suffered"


def test_a_second_load_waits_as_long_as_it_may(place: Place) -> None:
    gate = Gate()
    first = place.start(prepare=at(WRITING, gate))
    gate.reached()

    short = place.run("--wait", "1")
    long = place.start("--wait", "100")
    gate.opened.set()

    assert short.code == 5
    assert first.end().code == 0
    assert long.end().code == 0
    assert loads(place.database) == 3


@pytest.mark.slow
def test_many_loads_at_once_come_one_after_another(place: Place) -> None:
    runs = [place.start("--wait", "200") for _ in range(6)]

    assert [run.end(200).code for run in runs] == [0] * 6
    assert loads(place.database) == 7


@pytest.mark.slow
def test_the_lock_of_a_dead_process_holds_nobody_up(place: Place) -> None:
    gate = Gate()
    run = place.start(prepare=at(WRITING, gate))
    gate.reached()
    run.signal(signal.SIGKILL)
    assert run.end().code == -signal.SIGKILL
    assert (place.working_folder / "lock.json").exists(), "it could not say that it was gone"

    place.load_well()

    assert not (place.working_folder / "lock.json").exists()


@pytest.mark.slow
def test_another_database_beside_it_is_no_matter(place: Place, tmp_path: Path) -> None:
    (tmp_path / "beside").mkdir()
    beside = Place(tmp_path / "beside", place.url, place.simulator, place.options)

    with load_under_way(place):
        assert beside.run().code == 0


# --- readers ---------------------------------------------------------------------------------------------------------

SHELL = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read-only")
for line in sys.stdin:
    try:
        print(connection.execute(line).fetchall(), flush=True)
    except duckdb.Error as error:
        print(type(error).__name__, error, flush=True)
connection.close()
"""


class Shell:
    """Another process that has the published file open, as the duckdb shell or a notebook has."""

    def __init__(self, database: Path, mode: str) -> None:
        command = [sys.executable, "-c", SHELL, str(database), mode]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, sql: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(sql.replace("\n", " ") + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def balances(self) -> str:
        return self.ask("select balance::int from ai_gateway_billing.credit_balance order by _dlt_valid_from")

    def close(self) -> None:
        self.process.communicate(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def shell(database: Path, mode: str) -> Iterator[Shell]:
    opened = Shell(database, mode)
    try:
        yield opened
    finally:
        opened.kill()


@pytest.fixture
def balance(served: Place) -> Iterator[Any]:
    """Sets the account's balance: what a load then has to bring."""
    account = served.simulator.world.accounts[ACCOUNT]
    yield account.set_balance
    account.set_balance(account._story.balance(int(NOW.timestamp()))["balance"])


@pytest.mark.parametrize("mode", ["read-only", "read-write"])
def test_readers_and_a_load_do_not_meet(place: Place, balance: Any, mode: str) -> None:
    """One shell stays open from before the load until after it; with read-only ones others come and go meanwhile."""
    balance(17)
    with shell(place.database, mode) as reader:
        before = reader.balances()
        with load_under_way(place):
            assert reader.balances() == before
            if mode == "read-only":
                with shell(place.database, mode) as other:
                    assert other.balances() == before
                assert place.run("--json", command="status").code == 0

        assert reader.balances() == before, "who has the old file open goes on with it"
        with shell(place.database, mode) as later:
            assert later.balances() == before.removesuffix("]") + ", (17,)]"
        reader.close()

    with shell(place.database, "read-only") as last:
        assert last.balances() == before.removesuffix("]") + ", (17,)]"


@pytest.mark.slow
def test_what_a_shell_writes_into_the_old_file_cannot_hurt_the_new_one(place: Place, balance: Any) -> None:
    balance(17)
    with shell(place.database, "read-write") as writer:
        writer.ask("create table kept as select 1 as one")
        with load_under_way(place):
            writer.ask("create table lost as select 1 as one")
        writer.ask("create table lost_too as select 1 as one")
        writer.close()

    with shell(place.database, "read-only") as reader:
        assert reader.balances().endswith(", (17,)]")
        assert reader.ask("select table_name from duckdb_tables() where schema_name = 'main'") == "[('kept',)]"


@pytest.mark.slow
def test_a_shell_that_dies_while_writing_into_the_old_file_is_mended_by_the_next_load(
    place: Place, balance: Any
) -> None:
    balance(17)
    with shell(place.database, "read-write") as writer:
        with load_under_way(place):
            pass
        writer.ask("create table lost as select 1 as one")
        writer.kill()

    place.load_well()

    with shell(place.database, "read-only") as reader:
        assert reader.balances().endswith(", (17,)]")


@pytest.mark.slow
def test_readers_at_any_moment_of_many_loads_see_a_whole_database(place: Place) -> None:
    """A reader that opens, asks and closes all the time, while loads publish one after another."""
    query = (
        "select (select count(*) from ai_gateway_billing.usage_hourly), (select count(*) from spend.daily), "
        "(select count(*) from information_schema.schemata where schema_name like '%staging')"
    )
    seen = set()
    asked = 0
    for _ in range(4):
        run = place.start()
        while run.process.exitcode is None:
            with duckdb.connect(str(place.database), read_only=True) as connection:
                seen.add(connection.execute(query).fetchone())
            asked += 1
            run.process.join(0)
        assert run.end().code == 0

    assert len(seen) == 1, seen
    assert asked > 20


# --- the lock itself -------------------------------------------------------------------------------------------------


def test_the_holder_stands_beside_the_lock_as_long_as_it_is_held(tmp_path: Path) -> None:
    with locked(tmp_path, 0):
        holder = json.loads((tmp_path / "lock.json").read_text())

    assert holder["pid"] == os.getpid()
    assert not (tmp_path / "lock.json").exists()


def fail() -> None:
    raise ValueError("the load failed")


def test_a_failed_load_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="failed"), locked(tmp_path, 0):
        fail()

    assert not (tmp_path / "lock.json").exists()
    with locked(tmp_path, 0):
        pass


@pytest.mark.parametrize("told", ["", "{", "[]", '{"pid": 1}', None])
def test_a_holder_that_nobody_knows_is_another_process(tmp_path: Path, told: str | None) -> None:
    folder = tmp_path / "billing.duckdb.load"
    folder.mkdir()
    with locked(folder, 0):
        holder = folder / "lock.json"
        holder.unlink() if told is None else holder.write_text(told)
        with pytest.raises(DatabaseBusyError, match=r"billing\.duckdb is in use by another process") as caught:
            locked(folder, 0).__enter__()

    assert caught.value.exit_code == 5


def test_a_note_that_cannot_be_written_does_not_stop_the_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", refuse)

    with locked(tmp_path, 0):
        assert not (tmp_path / "lock.json").exists()


def refuse(*_: Any) -> None:
    raise OSError("no room")


def test_a_lock_that_cannot_be_made_is_a_clear_error(place: Place) -> None:
    place.working_folder.mkdir()
    (place.working_folder / "lock").mkdir()

    ending = place.run()

    assert ending.code == 1
    assert "Cannot write" in ending.err
    assert "Is a directory" in ending.err
