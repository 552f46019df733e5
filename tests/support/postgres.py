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
    """Make a cluster and run it. Skips the test where Postgres is not installed."""
    programs = _programs()
    # Not in pytest's folder, which is for its owner alone, and the server is another user.
    with tempfile.TemporaryDirectory(prefix="aig-billing-postgres-") as folder:
        if not os.getuid():
            shutil.chown(folder, _USER)
        yield from _run_server(programs, Path(folder))


def _run_server(programs: Path, folder: Path) -> Iterator[Server]:
    data, log = folder / "data", folder / "log"
    _run([programs / "initdb", "-D", data, "-U", _USER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"])
    port = _free_port()
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=''", *_QUICK]
    options = " ".join(f"-c {each}" for each in settings)
    _run([programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"])
    try:
        yield Server(port)
    finally:
        _run([programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])


def _programs() -> Path:
    """Where initdb is: Debian keeps it off the path."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = newest[-1] if newest else shutil.which("initdb")
    if not found:
        pytest.skip("no Postgres here; .ci/install-postgresql installs it")
    return Path(found).resolve().parent


def _run(command: Sequence[object]) -> None:
    as_user = [] if os.getuid() else ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    line = [*as_user, *map(str, command)]
    quiet: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    done = subprocess.run(line, check=False, cwd="/", **quiet)
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
