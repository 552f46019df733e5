"""One load at a time on one database. The operating system frees the lock when its holder dies, however it dies."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ai_gateway_billing.errors import DatabaseBusyError


@contextmanager
def locked(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold the folder's lock. Raises `DatabaseBusyError`, naming the holder, when it is not free within `wait_s`."""
    lock = FileLock(folder / "lock")
    holder = folder / "lock.json"
    try:
        lock.acquire(timeout=wait_s, poll_interval=0.2)
    except Timeout:
        raise DatabaseBusyError(_busy(folder, holder)) from None
    try:
        with suppress(OSError):  # it only serves a message
            since = datetime.now(UTC).isoformat(timespec="seconds")
            holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _busy(folder: Path, holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        other = f"process {who['pid']} on {who['host']}, since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        other = "another process"
    database = str(folder).removesuffix(".load")
    return f"{database} is in use by {other}. Wait for it, or let this one wait with --wait SECONDS."
