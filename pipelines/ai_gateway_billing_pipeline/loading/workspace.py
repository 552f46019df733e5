"""The published database file and the folder beside it in which a load works until it can publish.

The published file is the truth, with dlt's state in it: every load starts from a copy of it and replaces it by one
atomic rename. All else in the folder belongs to the load that runs, and may be lost at any moment. So a load that
died, at whatever point, leaves nothing that the next one builds on.
"""

import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from filelock import FileLock, Timeout

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError, SettingsError
from ai_gateway_billing.redaction import first_line
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.database import storage

from .published import Published, log_of

_SYSTEM = ("information_schema", "main", "memory", "pg_catalog", "system", "temp")
_RESERVED = (DATASET, f"{DATASET}_staging", "spend", *_SYSTEM)
_MISREAD = "'?%\\"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Workspace:
    """Paths that belong to one database file."""

    published: Path
    _file: Published = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._file = Published(self.published, self.folder)

    @property
    def folder(self) -> Path:
        """Where a load works: `billing.duckdb.load/` beside `billing.duckdb`."""
        return self.published.with_name(self.published.name + ".load")

    @property
    def working(self) -> Path:
        """The file that a load writes, under the published file's name, which is what DuckDB calls the database."""
        return self.folder / "work" / self.published.name

    @property
    def dlt(self) -> Path:
        """Folder of dlt itself: state, packages, traces of the running or last load."""
        return self.folder / "dlt"

    def create(self) -> None:
        """Make the folder. Raises `SettingsError` for an impossible name, `DatabaseError` when it cannot be made."""
        problem = self._problem_of_name()
        if problem:
            raise SettingsError(f"The database cannot be {self.published}: {problem}. Choose another with --database.")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds someone's billing
        except OSError as error:
            raise unwritable(self.folder, error) from error

    @contextmanager
    def locked(self, wait_s: float) -> Iterator[None]:
        """One load at a time: hold the folder's lock, which the system frees when its holder dies, however it dies.

        Raises `DatabaseBusyError`, naming the holder, when it is not free within `wait_s`.
        """
        lock, holder = FileLock(self.folder / "lock"), self.folder / "lock.json"
        try:
            lock.acquire(timeout=wait_s, poll_interval=0.2)
        except Timeout:
            raise DatabaseBusyError(self._busy(holder)) from None
        try:
            with suppress(OSError):  # it only serves a message
                since = datetime.now(UTC).isoformat(timespec="seconds")
                holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))
            yield
        finally:
            with suppress(OSError):
                holder.unlink()
            lock.release()

    def _busy(self, holder: Path) -> str:
        try:
            who = json.loads(holder.read_text())
            other = f"process {who['pid']} on {who['host']}, since {who['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            other = "another process"
        return f"{self.published} is in use by {other}. Wait for it, or let this one wait with --wait SECONDS."

    def begin(self) -> duckdb.DuckDBPyConnection:
        """Forget what a dead load left, and make the working file a copy of the published one, if there is one.

        Returns it open: while one connection is, dlt opens its own ones for next to nothing.

        Raises `DatabaseError` when that is no database or could not be replaced at the end, `DatabaseBusyError` when
        another program writes into it.
        """
        self.discard()
        remove(self.dlt)
        self.working.parent.mkdir(mode=0o700)
        self.dlt.mkdir(mode=0o700)
        self._file.restore()
        self._file.rehearse(self.working.parent)
        if not self._file.copy(self.working):
            storage.create(self.working)
            return _opened(self.working)
        connection = self._settled()
        return connection if storage.number(self.working) == storage.NUMBER else self._converted(connection)

    @contextmanager
    def changed(self, wait_s: float = 0, *, anew: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a copy of the published file, which replaces it when all went well.

        Written `anew`, the file holds nothing any more of what was deleted, also in blocks that are free.

        Raises what `create`, `locked`, `begin` and `publish` raise.
        """
        self.create()
        with self.locked(wait_s):
            try:
                with self.begin() as connection:
                    yield connection
                    connection.execute("checkpoint")
                if anew:
                    self._converted(duckdb.connect(str(self.working))).close()
                self.publish()
            finally:
                self.discard()

    def publish(self) -> None:
        """Replace the published file by the working one, atomically and durably.

        Raises `DatabaseError` when DuckDB has not written everything into the working file, `DatabaseBusyError` when
        another program changed the published one since `begin`.
        """
        if log_of(self.working).exists():
            raise DatabaseError(f"{self.working} is still being written. Nothing was published; run again.")
        self._file.replace(self.working)

    def discard(self) -> None:
        """Remove the working file with all that DuckDB put beside it."""
        remove(self.working.parent)

    def _problem_of_name(self) -> str | None:
        if self.published.name.partition(".")[0].lower() in _RESERVED:
            return "DuckDB would confuse its name with a schema"
        if set(str(self.published)) & set(_MISREAD):
            return f"DuckDB or dlt would misread one of {_MISREAD} in the path"
        return None

    def _settled(self) -> duckdb.DuckDBPyConnection:
        """Open the copy, which takes up its write-ahead log. Raises `DatabaseError` when DuckDB cannot."""
        try:
            connection = _opened(self.working)
            connection.execute("checkpoint")
        except duckdb.Error as error:
            if log_of(self.working).exists():
                log.warning("%s does not belong to the database beside it; left out.", log_of(self.published))
                log_of(self.working).unlink()
                return self._settled()
            reason = storage.why_unreadable(self.working, error, named=self.published)
            raise DatabaseError(f"{reason} Nothing was changed.") from error
        return connection

    def _converted(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The working file, open, in the storage version that is promised.

        Who keeps something in the file that only newer versions can hold keeps it, and is told.
        """
        connection.close()
        converted = self.working.with_name("converted")
        try:
            storage.convert(self.working, converted)
            converted.replace(self.working)
            log.info("%s is now in the storage version of DuckDB %s.", self.published, storage.VERSION)
        except duckdb.Error as error:
            message = "%s stays in a storage version that only newer DuckDB programs read: %s"
            log.warning(message, self.published, first_line(error))
        return _opened(self.working)


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    """The file, open, in such a way that all connections to it together need little memory.

    By itself DuckDB writes with every core, which takes no less time here, and each of them gathers five groups of
    122,880 rows before it writes; what is freed it keeps until that is 512 MB.
    """
    connection = duckdb.connect(str(path))
    connection.execute("set threads = 1; set allocator_bulk_deallocation_flush_threshold = '1MB'")
    with suppress(duckdb.CatalogException):  # DuckDB 1.4 has no such setting
        connection.execute("set write_buffer_row_group_count = 1")
    return connection


def rehearse(database: Path) -> list[str]:
    """Do with a small file beside the database what a load does when it publishes. Leaves nothing behind.

    Returns sentences about what it could not keep. Raises `SettingsError`, `DatabaseError` or `DatabaseBusyError` when
    a load would end with one.
    """
    path = database.resolve()
    workspace = Workspace(path)
    is_new = not workspace.folder.exists()
    workspace.create()
    try:
        with TemporaryDirectory(dir=workspace.folder) as place:
            return Published(path, workspace.folder).rehearse(Path(place))
    except OSError as error:
        raise unwritable(workspace.folder, error) from error
    finally:
        if is_new:
            with suppress(OSError):
                workspace.folder.rmdir()


def unwritable(path: Path, error: OSError) -> DatabaseError:
    """The error for a place that cannot be read or written, with the system's own reason."""
    reason = error.strerror or "no reason given"
    where = error.filename2 or error.filename or path
    return DatabaseError(f"Cannot write {where}: {reason}. Nothing was published; fix this and run again.")


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
