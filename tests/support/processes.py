"""Loads in processes of their own, which can be killed, and what their databases hold.

The processes are forked from a server that has everything imported, so that one costs no start of Python.
"""

from __future__ import annotations

import base64
import functools
import importlib
import itertools
import json
import multiprocessing
import os
import resource
import signal
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

from ai_gateway_billing.simulator import Simulator, World
from support.clock import FrozenTime
from support.constants import ACCOUNT, HOUR, NOW, OTHER, TOKEN

LOOPBACK = pytest.mark.block_network(allowed_hosts=[r"127\.0\.0\.1$", r".*/pymp-[^/]+/listener"])
"""For modules that start processes: loopback, and the socket by which the server is asked for one."""

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(
    [
        "support.processes",
        "ai_gateway_billing_pipeline.cli",
        "ai_gateway_billing_pipeline.commands.attempt",
        "pyarrow.parquet",
    ]
)


@dataclass
class Ending:
    """How a load's process ended: its exit code (negative: the signal's number) and what it had printed."""

    code: int | None
    out: str
    err: str


@dataclass
class Place:
    """A database, a world that is served, and commands on both in processes of their own."""

    folder: Path
    url: str
    simulator: Simulator
    options: list[str] = field(default_factory=lambda: ["--start", "2026-09-01"])
    runs: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "billing.duckdb"

    @property
    def working_folder(self) -> Path:
        return self.folder / "billing.duckdb.load"

    def into(self, destination: str) -> Place:
        """The same, which from now on loads into this destination, where the settings of the test lead to."""
        self.options = [*self.options, "--destination", destination]
        names = [name for name in os.environ if name.startswith("DESTINATION__") or name == "HOME"]
        self.settings = {name: os.environ[name] for name in names}
        return self

    def start(self, *options: str, prepare: Callable[[], None] | None = None, command: str = "load") -> Run:
        """Start a command; `prepare` runs in its process first and must be importable or a partial of such."""
        self.runs += 1
        output = self.folder / f"output.{self.runs}"
        arguments = [command, "--database", str(self.database), *(self.options if command == "load" else []), *options]
        environment = {
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_BASE_URL": self.url,
            "CLOUDFLARE_ACCOUNT_ID": ",".join(self.simulator.world.accounts),
            **self.settings,
        }
        process = _forkserver.Process(target=_command, args=(arguments, environment, output, prepare))
        process.start()
        return Run(process, output)

    def run(self, *options: str, prepare: Callable[[], None] | None = None, command: str = "load") -> Ending:
        """Run a command to its end."""
        return self.start(*options, prepare=prepare, command=command).end()

    def load_well(self, *options: str) -> None:
        """A load that nothing disturbs."""
        ending = self.run(*options)
        assert ending.code == 0, ending


@dataclass
class Run:
    """A command under way. `endings`: how many ended with each exit code."""

    process: ForkServerProcess
    output: Path
    endings: ClassVar[Counter[int]] = Counter()

    def end(self, timeout_s: float = 300.0) -> Ending:
        """Wait for the end."""
        self.process.join(timeout_s)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise AssertionError(f"did not end within {timeout_s} s: {self._text('err')}")
        self.endings[self.process.exitcode] += 1
        return Ending(self.process.exitcode, self._text("out"), self._text("err"))

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.process.pid and self.process.is_alive():
            os.kill(self.process.pid, number)

    def _text(self, kind: str) -> str:
        path = self.output.with_name(f"{self.output.name}.{kind}")
        return path.read_text() if path.exists() else ""


def _command(
    arguments: list[str], environment: Mapping[str, str], output: Path, prepare: Callable[[], None] | None
) -> None:
    """In the process: the command line, in a frozen now, its output in files."""
    for stream, kind in ((1, "out"), (2, "err")):
        handle = os.open(f"{output}.{kind}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, stream)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored when the tests were started in the background
    os.environ.update(environment)
    os.chdir(output.parent)
    from ai_gateway_billing_pipeline import cli
    from ai_gateway_billing_pipeline.commands import attempt

    attempt.datetime = FrozenTime  # type: ignore[attr-defined]
    if prepare:
        prepare()
    cli.main(arguments)


def world_of(*sizes: int) -> World:
    """Accounts with usage, invoices and snapshots since September."""
    world = World()
    for account_id, size in zip((ACCOUNT, OTHER), sizes, strict=False):
        world.add_generated_account(account_id, start=datetime(2026, 9, 1, tzinfo=UTC), size=size)
    world.add_token(TOKEN)
    return world


def move_on(world: Any) -> None:
    """What can happen to two accounts between two loads."""
    old, new = world.accounts[ACCOUNT], world.add_generated_account(OTHER, size=200)
    today = NOW.replace(hour=0, minute=0)
    old.set_hour(today - 20 * HOUR, "12.345678901234")  # late
    old.withdraw("hour", today - 30 * HOUR)
    old.reid("hour", today - 40 * HOUR)
    old.change_invoice(old.invoice_keys(NOW)[0], NOW, status="void", amount_remaining=0)
    old.set_balance(Decimal("-17.5"))
    old.set_preview(None)
    old.set_topup_config({"threshold": 500, "amount": 2000})
    new.set_spending_limit(None)
    old.requests.restate(today - 20 * HOUR, 10**9)
    old.requests.add(today - 40 * HOUR, "new", "openai", "gpt-5", nano_usd=7)
    old.gateways.put("production", [{"limit": Decimal("7.5"), "window": 60, "type": "fixed"}])
    old.gateways.remove("support-bot")
    world.add_token(TOKEN)


@contextmanager
def served(folder: Path, world: World | None = None) -> Iterator[Place]:
    """A place whose world stands still at `NOW`."""
    simulator = Simulator(world or world_of(1000), lambda: NOW)
    with simulator.serve() as url:
        yield Place(folder, url, simulator)


# --- happenings in the middle -----------------------------------------------------------------------------------------


Step = tuple[str, str, int]


def call_of(module: str, name: str, call: int = 1) -> Step:
    """A step of a load: a function, and which of its calls is meant. Raises when there is none of that name."""
    getattr(*_owner_of(module, name))
    return module, name, call


def _owner_of(module: str, name: str) -> tuple[Any, str]:
    *outer, last = name.split(".")
    return functools.reduce(getattr, outer, importlib.import_module(module)), last


def after_step(module: str, name: str, call: int, happens: Callable[[], None]) -> None:
    """Let something happen right after a step of the load, which is as good as right before the next one."""
    owner, last = _owner_of(module, name)
    original, calls = getattr(owner, last), itertools.count(1)

    @functools.wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if next(calls) >= call:
            happens()
        return result

    setattr(owner, last, wrapped)


def at(where: Step, happens: Callable[[], None]) -> Callable[[], None]:
    return functools.partial(after_step, *where, happens)


@dataclass
class Gate:
    """Where a process stops and waits until it is let through."""

    arrived: Any = field(default_factory=_forkserver.Event)
    opened: Any = field(default_factory=_forkserver.Event)

    def __call__(self) -> None:
        self.arrived.set()
        assert self.opened.wait(120)

    def reached(self) -> None:
        """Wait until the process stands at the gate."""
        assert self.arrived.wait(300), "it never came there"


def die() -> None:
    """As by the power switch: no handler, no flush, no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class DieAtFileEvent:
    """Die at the so-manieth time that Python opens, renames or removes something in the working folder."""

    number: int
    folder: str
    EVENTS: ClassVar = frozenset({"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.copyfile"})

    def __call__(self) -> None:
        self.seen = 0
        sys.addaudithook(self._on)

    def _on(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in self.EVENTS or not str(arguments[0]).startswith(self.folder):
            return
        self.seen += 1
        if self.seen == self.number:
            die()


@dataclass
class CountFileEvents(DieAtFileEvent):
    """Tell on standard error how many there are."""

    def _on(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in self.EVENTS and str(arguments[0]).startswith(self.folder):
            self.seen += 1
            os.write(2, f"event {self.seen}: {event} {arguments[0]}\n".encode())


# --- what a database holds -------------------------------------------------------------------------------------------

_IDS = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id", "load_id", "inserted_at", "version_hash")
_TIMES = ("_dlt_valid_from", "_dlt_valid_to")


def contents(database: Path) -> dict[str, Any]:
    """Everything that two loads of the same world must agree on: all rows of all tables, without dlt's own ids."""
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_type = 'BASE TABLE' order by all"
        ).fetchall()
        found: dict[str, Any] = {f"{schema}.{name}": _rows(connection, schema, name) for schema, name in tables}
        found["views"] = connection.execute("select schema_name, view_name from duckdb_views() order by all").fetchall()
        found["state"] = _state(connection)
        return found


def _rows(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> Any:
    if table == "_dlt_loads":  # a load that died after it had published is one more
        return connection.execute(f"select distinct schema_name, status from {schema}._dlt_loads").fetchall()
    if table in ("_dlt_pipeline_state", "_dlt_version", "_views_applied"):  # the last hangs on dlt's order of columns
        return connection.execute(f'select count(*) from "{schema}"."{table}"').fetchall()
    columns = connection.execute(
        "select column_name from information_schema.columns where table_schema = $1 and table_name = $2 order by 1",
        [schema, table],
    ).fetchall()
    wanted = [
        f'"{name}" is null as "{name}"' if name in _TIMES else f'"{name}"' for (name,) in columns if name not in _IDS
    ]
    return connection.execute(f'select {", ".join(wanted)} from "{schema}"."{table}" order by all').fetchall()


def _state(connection: duckdb.DuckDBPyConnection) -> Any:
    """The cursors: what the next load builds on."""
    query = "select state from ai_gateway_billing._dlt_pipeline_state order by _dlt_load_id desc limit 1"
    found = connection.execute(query).fetchone()
    if found is None:
        return None
    packed = base64.b64decode(found[0])
    return json.loads(zlib.decompress(packed))["sources"]


def assert_same(database: Path, expected: Path) -> None:
    """Both databases hold the same, table by table."""
    found, wanted = contents(database), contents(expected)
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert found[name] == rows, f"{name} differs"


def small_files(size: int) -> None:
    """From here on this process can write no file that is longer."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
