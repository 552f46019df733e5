"""A real Postgres on loopback, which begins and ends with the tests, and an empty database of it for each of them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=40", "shared_buffers=64MB")
_USER = "postgres"
"""Postgres refuses to run as root, and Debian's package brings this user."""
_KEEPER = 'read -r _; "$@"; rm -rf "$0"'
"""Waits for a word from the tests, or for their end however it comes, stops the server and removes its folder."""


@dataclass(frozen=True)
class Database:
    """One database of the server."""

    port: int
    name: str

    @property
    def url(self) -> str:
        """As dlt, libpq and DuckDB take it. The server asks for no password, but dlt does."""
        return f"postgresql://{_USER}:loopback@127.0.0.1:{self.port}/{self.name}"

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives, times in UTC; nothing for a statement."""
        with self.connected() as connection, connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """Something to ask several queries."""
        yield self.rows

    @contextmanager
    def user(self) -> Iterator[str]:
        """Somebody who may log in and no more. Users are of the whole cluster, so the name is this database's own."""
        name = f"reader_of_{self.name}"
        self.rows(f"create role {name} login")
        try:
            yield name
        finally:
            self.rows(f"drop owned by {name}; drop role {name}")

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A connection that commits each statement."""
        connection = psycopg2.connect(self.url, options="-ctimezone=UTC")
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()


@dataclass
class Server:
    """The cluster. Databases of it are made and dropped as tests need them."""

    port: int
    made: int = 0

    @contextmanager
    def database(self) -> Iterator[Database]:
        """An empty one, dropped with whoever is still connected to it."""
        self.made += 1
        admin, own = Database(self.port, _USER), Database(self.port, f"test_{self.made}")
        admin.rows(f"create database {own.name}")
        try:
            yield own
        finally:
            admin.rows(f"drop database {own.name} with (force)")


@contextmanager
def serving() -> Iterator[Server]:
    """Make a cluster and run it; a killed run ends it, too. Skips the test where Postgres is not installed."""
    programs = _programs()
    # Not in pytest's folder, which is for its owner alone, and the server is another user.
    folder = Path(tempfile.mkdtemp(prefix="aig-billing-postgres-"))
    with _kept(folder, [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop"]):
        if not os.getuid():
            shutil.chown(folder, _USER)
        yield Server(_start(programs, folder))


@contextmanager
def _kept(folder: Path, stop: Sequence[object]) -> Iterator[None]:
    keeper = subprocess.Popen(
        ["sh", "-c", _KEEPER, str(folder), *_as_user(stop)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd="/", start_new_session=True,  # what is meant for the tests, such as an interrupt, does not reach it
    )  # fmt: skip
    try:
        yield
    finally:
        keeper.communicate(b"end\n")


def _start(programs: Path, folder: Path) -> int:
    """The port at which it listens."""
    data, log = folder / "data", folder / "log"
    _run([programs / "initdb", "-D", data, "-U", _USER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"])
    port = _free_port()
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=''", *_QUICK]
    options = " ".join(f"-c {each}" for each in settings)
    _run([programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"])
    return port


def _programs() -> Path:
    """Where initdb is: Debian keeps it off the path."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = newest[-1] if newest else shutil.which("initdb")
    if not found:
        pytest.skip("no Postgres here; .ci/install-postgresql installs it")
    return Path(found).resolve().parent


def _as_user(command: Sequence[object]) -> list[str]:
    as_user = [] if os.getuid() else ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    return [*as_user, *map(str, command)]


def _run(command: Sequence[object]) -> None:
    quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    done = subprocess.run(_as_user(command), check=False, cwd="/", **quiet)
    assert done.returncode == 0, done.stderr.decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Any, seconds: float = 30) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
