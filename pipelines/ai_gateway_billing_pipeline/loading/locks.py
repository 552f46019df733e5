"""Locks that live where the rows go, so that writers on several machines see each other's."""

import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError

_POLL_S = 0.2
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""A machine that vanished holds its lock for a minute, not for the two hours that systems wait by themselves."""
_HOLDER = """
select application_name from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and objsubid = 1
    and classid = (%s >> 32 & 4294967295)::oid and objid = (%s & 4294967295)::oid and pid <> pg_backend_pid()
"""
_HELD = _HOLDER.replace("pid <> pg_backend_pid()", "pid = pg_backend_pid()")


def key(*parts: str) -> int:
    """A number that stands for these words and, among the locks of one database, for nothing else."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:8], "big", signed=True)


class Advisory:
    """Postgres' advisory locks, on a connection of their own: it frees them when that ends, however it ends."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def take(self, number: int, wait_s: float, busy: Callable[[str], str], *, shared: bool = False) -> None:
        """Hold the lock. Raises `DatabaseBusyError`, with what `busy` says of its holder, if it stays taken."""
        function = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
        deadline = time.monotonic() + wait_s
        while not self._ask(f"select {function}(%s)", number):
            if time.monotonic() >= deadline:
                raise DatabaseBusyError(busy(self._ask(_HOLDER, number, number) or "another process"))
            time.sleep(min(_POLL_S, max(0.0, deadline - time.monotonic())))

    def check(self, number: int) -> None:
        """Raise `DatabaseError` unless the lock is still held."""
        import psycopg2  # noqa: PLC0415  # of an extra

        try:
            is_held = self._ask(_HELD, number, number) is not None
        except psycopg2.Error:
            is_held = False
        if not is_held:
            raise DatabaseError("The connection that held the lock was lost. Nothing was changed; run again.")

    def _ask(self, query: str, *values: object) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            row = cursor.fetchone()
        return row and row[0]


@contextmanager
def advisory(url: str, who: str) -> Iterator[Advisory]:
    """A connection for locks. `who` holds them, for the message to those who wait. Raises `psycopg2.Error`."""
    import psycopg2  # noqa: PLC0415  # of an extra

    name = f"{who}, process {os.getpid()} on {socket.gethostname()}"
    connection = psycopg2.connect(url, application_name=name[:63], **_KEEPALIVE)
    connection.autocommit = True
    try:
        yield Advisory(connection)
    finally:
        connection.close()


@contextmanager
def file(path: str, wait_s: float, busy: str) -> Iterator[None]:
    """A lock of this machine, for what is a file of it. Raises `DatabaseBusyError`, OSError."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_s, poll_interval=_POLL_S)
    except Timeout:
        raise DatabaseBusyError(busy) from None
    try:
        yield
    finally:
        lock.release()
