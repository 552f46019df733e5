"""One load at a time; readers of every kind before, during and after, none of them in anybody's way."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError
from ai_gateway_billing_pipeline.database import storage
from ai_gateway_billing_pipeline.loading.published import log_of
from ai_gateway_billing_pipeline.loading.workspace import Workspace, rehearse
from support import processes
from support.constants import ACCOUNT, NOW
from support.processes import Gate, Place, at, call_of

pytestmark = processes.LOOPBACK

WRITING = call_of("dlt", "Pipeline.load")


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
        ending = place.run("--json")  # one that waits for the first would never end

    assert ending.code == 5
    assert f"in use by process {holder['pid']} on {holder['host']}, since" in ending.err
    assert "--wait" in ending.err
    assert json.loads(ending.out)["status"] == "failed"
    assert loads(place.database) == 2, "the first load has not suffered"


@pytest.mark.thorough
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


def test_a_lock_that_cannot_be_made_is_a_clear_error(place: Place) -> None:
    place.working_folder.mkdir()
    (place.working_folder / "lock").mkdir()

    ending = place.run()

    assert ending.code == 1
    assert "Cannot write" in ending.err
    assert "Is a directory" in ending.err


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
    before = account.balance(NOW)["balance"]
    yield account.set_balance
    account.set_balance(before)


def test_readers_and_a_load_do_not_meet(place: Place, balance: Any) -> None:
    """One shell stays open from before the load until after it; others come and go meanwhile."""
    mode = "read-only"
    balance(17)
    with shell(place.database, mode) as reader:
        before = reader.balances()
        with load_under_way(place):
            assert reader.balances() == before
            with shell(place.database, mode) as other:
                assert other.balances() == before
            assert place.run("--json", command="status").code == 0

        assert reader.balances() == before, "who has the old file open goes on with it"
        with shell(place.database, mode) as later:
            assert later.balances() == before.removesuffix("]") + ", (17,)]"
        reader.close()

    with shell(place.database, "read-only") as last:
        assert last.balances() == before.removesuffix("]") + ", (17,)]"


def test_a_load_ends_at_once_while_another_program_has_the_file_open_for_writing(place: Place) -> None:
    with shell(place.database, "read-write") as writer:
        writer.ask("create table kept as select 1 as one")
        requests = len(place.simulator.requests)

        ending = place.run()

        assert ending.code == 5
        assert "open for writing in another program" in ending.err
        assert len(place.simulator.requests) == requests, "nothing is asked for that could not be kept"
        assert writer.ask("from kept") == "[(1,)]"
        writer.close()


@pytest.mark.slow
def test_what_a_shell_had_committed_before_it_was_killed_is_part_of_the_next_load(place: Place) -> None:
    with shell(place.database, "read-write") as writer:
        writer.ask("create table kept as select 1 as one")
        writer.kill()

    place.load_well()

    with shell(place.database, "read-only") as reader:
        assert reader.ask("from kept") == "[(1,)]"


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["closes", "is killed", "stays"])
def test_what_another_program_commits_while_a_load_runs_is_kept_and_the_load_ends_with_5(
    place: Place, balance: Any, ending: str
) -> None:
    balance(17)
    gate = Gate()
    run = place.start(prepare=at(WRITING, gate))
    gate.reached()
    with shell(place.database, "read-write") as writer:
        writer.ask("create table kept as select 1 as one")
        {"closes": writer.close, "is killed": writer.kill, "stays": lambda: None}[ending]()
        gate.opened.set()
        ended = run.end()
        writer.kill()

    assert ended.code == 5, ended
    assert "Nothing was published" in ended.err or "open for writing" in ended.err
    place.load_well()
    with shell(place.database, "read-only") as reader:
        assert reader.ask("from kept") == "[(1,)]"
        assert reader.balances().endswith("(17,)]")


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


# --- one file replaced by another ------------------------------------------------------------------------------------


def make(path: Path, *statements: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def killed(path: Path, statement: str) -> Path:
    """A database whose last writer was killed: what it committed stands in the log."""
    code = f"import duckdb, os; c = duckdb.connect({str(path)!r}); c.execute({statement!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert log_of(path).exists()
    return path


def answers(path: Path) -> set[int]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return {answer for (answer,) in connection.execute("select answer from mine").fetchall()}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A published file with a table of the user's own."""
    made = Workspace(tmp_path / "billing.duckdb")
    made.create()
    storage.create(made.published)
    make(made.published, "create table mine as select 42 as answer")
    return made


def worked(workspace: Workspace) -> Workspace:
    """After a load's work, before it publishes."""
    with workspace.begin() as connection:
        connection.execute("insert into mine values (44)")
    return workspace


class Killed(BaseException):
    """The process is no more: nothing of ours catches this."""


OPERATIONS = ("replace", "rename", "unlink", "fsync", "chmod", "chown", "setxattr")


def test_killed_at_any_file_operation_a_publication_loses_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what the load brought, once it is there, nor what another program had committed to its log."""
    killed(workspace.published, "insert into mine values (43)")
    for step in itertools.count():
        again = Workspace(tmp_path / str(step) / "billing.duckdb")
        again.create()
        for path in (workspace.published, log_of(workspace.published)):
            shutil.copy2(path, again.published.with_name(path.name))
        worked(again)
        left = iter(range(step))
        with monkeypatch.context() as patched:
            for name in OPERATIONS:
                real = getattr(os, name)

                def operate(*arguments: Any, real: Any = real, left: Iterator[int] = left, **named: Any) -> Any:
                    if next(left, None) is None:
                        raise Killed
                    return real(*arguments, **named)

                patched.setattr(os, name, operate)
            try:
                again.publish()
                is_through = True
            except Killed:
                is_through = False

        found = answers(again.published)
        assert found <= {42, 43, 44}
        worked(again).publish()
        assert answers(again.published) == {42, 43, 44}, step
        assert not list(again.folder.glob("*.wal"))
        if is_through:
            break

    assert step > 5, "file, log and folder are synced or moved one by one"


def test_the_new_file_is_on_the_disk_before_it_has_the_old_ones_name(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that loses its power just after the rename would otherwise have a file without content."""
    worked(workspace)
    inode = workspace.working.stat().st_ino
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def syncing(handle: int) -> None:
        if os.fstat(handle).st_ino == inode:
            seen.append("synced")
        fsync(handle)

    def replacing(source: Any, target: Any) -> None:
        if Path(source).stat().st_ino == inode:
            seen.append("replaced")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    workspace.publish()

    assert seen == ["synced", "replaced"]


def test_a_disk_that_fails_to_sync_keeps_the_old_file(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    worked(workspace)

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        workspace.publish()

    assert answers(workspace.published) == {42}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_is_no_failure(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    worked(workspace)

    def cannot(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", cannot)
    workspace.publish()

    assert answers(workspace.published) == {42, 44}


CHANGES: dict[str, Callable[[Path], object]] = {
    "a commit": lambda path: make(path, "insert into mine values (43)"),
    "a commit in the log": lambda path: killed(path, "insert into mine values (43)"),
    "another file": lambda path: make(path.with_name("new"), "create table mine as select 43 as answer").replace(path),
    "a deletion": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_another_program_changed_is_not_replaced(
    workspace: Workspace, change: Callable[[Path], object]
) -> None:
    worked(workspace)
    change(workspace.published)

    with pytest.raises(DatabaseBusyError, match="Another program changed") as caught:
        workspace.publish()

    assert caught.value.exit_code == 5
    if workspace.published.exists():
        assert 43 in answers(workspace.published)


def test_a_file_that_came_up_while_a_first_load_ran_is_not_replaced(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "billing.duckdb")
    workspace.create()
    workspace.begin().close()
    make(workspace.published, "create table mine as select 43 as answer")

    with pytest.raises(DatabaseBusyError, match="Another program changed"):
        workspace.publish()

    assert answers(workspace.published) == {43}


def no_shared_blocks(*_: Any) -> int:
    raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def nothing_at_all(*_: Any) -> int:
    return 0


@pytest.mark.parametrize("share", [None, no_shared_blocks, nothing_at_all])
def test_a_copy_is_whole_whatever_the_file_system_can(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, share: Callable[..., int] | None
) -> None:
    if share:
        monkeypatch.setattr(os, "copy_file_range", share)
    else:
        monkeypatch.delattr(os, "copy_file_range")

    worked(workspace)
    workspace.publish()

    assert answers(workspace.published) == {42, 44}


@pytest.mark.parametrize(("module", "name"), [(os, "copy_file_range"), (shutil, "copyfile")])
def test_a_copy_during_which_the_file_changed_is_not_used(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    copy_of_system = getattr(module, name)
    if module is shutil:
        monkeypatch.delattr(os, "copy_file_range")

    def copy(*arguments: Any) -> Any:
        done = copy_of_system(*arguments)
        make(workspace.published, "insert into mine values (43)")
        return done

    monkeypatch.setattr(module, name, copy)
    with pytest.raises(DatabaseBusyError):
        workspace.begin()


def test_a_log_that_can_no_longer_be_put_back_is_kept_aside(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    killed(workspace.published, "insert into mine values (43)")
    worked(workspace)

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", die)
        with pytest.raises(Killed):
            workspace.publish()
    killed(workspace.published, "insert into mine values (45)")

    worked(workspace).publish()

    assert answers(workspace.published) == {42, 44, 45}
    assert (workspace.folder / "unapplied.wal").exists()
    assert "unapplied.wal" in caplog.text


# --- what stands in the way ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EBUSY, "mounted as a single file.*Mount the folder"), (errno.EXDEV, "another device"),
     (errno.EPERM, r"cannot be replaced: Operation not permitted"), (errno.EACCES, "Permission denied")],
)  # fmt: skip
@pytest.mark.parametrize("when", ["before the work", "at the end"])
def test_a_file_that_cannot_be_replaced_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, number: int, told: str, when: str
) -> None:
    killed(workspace.published, "insert into mine values (43)")
    if when == "at the end":
        worked(workspace)

    def refuse(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse)
        with pytest.raises(DatabaseError, match=told) as caught:
            workspace.publish() if when == "at the end" else workspace.begin()

    assert "Nothing was published" in str(caught.value)
    assert answers(workspace.published) == {42, 43}, "its log is there again"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_single_file_mount_and_a_folder_on_another_device_are_found_before_the_work(tmp_path: Path) -> None:
    """In a mount namespace of its own, where that may be made."""
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    code = (
        "import sys; from pathlib import Path; from ai_gateway_billing_pipeline.loading.workspace import rehearse\n"
        "try: print(rehearse(Path(sys.argv[1])))\nexcept Exception as error: print(error)"
    )
    for name in ("file", "other"):
        storage.create(tmp_path / name)
    (tmp_path / "other.load").mkdir()
    mounts = "mount --bind file file && mount -t tmpfs none other.load"
    script = f'{mounts} && "$0" -c "$1" "$PWD/file"; "$0" -c "$1" "$PWD/other"'

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    first, second = done.stdout.splitlines()
    assert "mounted as a single file" in first, done.stderr
    assert "is on another device" in second


def test_a_rehearsal_leaves_nothing_behind(tmp_path: Path) -> None:
    assert rehearse(tmp_path / "billing.duckdb") == []
    assert list(tmp_path.iterdir()) == []
