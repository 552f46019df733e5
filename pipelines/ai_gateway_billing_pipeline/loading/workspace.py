"""The published database file and the folder beside it in which a load works until it can publish.

The published file is the truth, with dlt's state in it: every load starts from a copy of it and replaces it by one
atomic rename. All else in the folder belongs to the load that runs, and may be lost at any moment. So a load that
died, at whatever point, leaves nothing that the next one builds on.
"""

import logging
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError, SettingsError, redact
from ai_gateway_billing_pipeline.database import storage

DATASET = "ai_gateway_billing"
_SYSTEM = ("information_schema", "main", "memory", "pg_catalog", "system", "temp")
_RESERVED = (DATASET, f"{DATASET}_staging", "spend", *_SYSTEM)
_MISREAD = "'?%\\"
_COPIES = 20
"""How often a copy is tried while another program keeps changing the file."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths that belong to one database file."""

    published: Path

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

    def begin(self) -> duckdb.DuckDBPyConnection:
        """Forget what a dead load left, and make the working file a copy of the published one, if there is one.

        Returns it open: while one connection is, dlt opens its own ones for next to nothing.

        Raises `DatabaseError` when that is no database, `DatabaseBusyError` when another program keeps changing it.
        """
        self.discard()
        remove(self.dlt)
        self.working.parent.mkdir()
        if not self._copy():
            storage.create(self.working)
            return duckdb.connect(str(self.working))
        connection = self._settled()
        return connection if storage.number(self.working) == storage.NUMBER else self._converted(connection)

    def publish(self) -> None:
        """Replace the published file by the working one, atomically and durably.

        Raises `DatabaseError` when DuckDB has not written everything into the working file.
        """
        if _log_of(self.working).exists():
            raise DatabaseError(f"{self.working} is still being written. Nothing was published; run again.")
        with suppress(FileNotFoundError):
            _inherit(self.published.stat(), self.working)
        _sync(self.working)
        # The log of a program that had the old file open for writing must not meet the new one. What had been
        # committed when the load began is part of the copy.
        _log_of(self.published).unlink(missing_ok=True)
        self.working.replace(self.published)
        with suppress(OSError):  # not every file system can; the new file is in its place already
            _sync(self.published.parent)

    def discard(self) -> None:
        """Remove the working file with all that DuckDB put beside it."""
        remove(self.working.parent)

    def _problem_of_name(self) -> str | None:
        if self.published.name.partition(".")[0].lower() in _RESERVED:
            return "DuckDB would confuse its name with a schema"
        if set(str(self.published)) & set(_MISREAD):
            return f"DuckDB or dlt would misread one of {_MISREAD} in the path"
        return None

    def _copy(self) -> bool:
        """Copy the published file and its write-ahead log, as of one moment. False when nothing is published."""
        for _ in range(_COPIES):
            before = self._versions()
            if before[0] is None:
                return False
            with suppress(FileNotFoundError):  # it was there a moment ago: look again
                shutil.copyfile(self.published, self.working)
                if before[1] is not None:
                    shutil.copyfile(_log_of(self.published), _log_of(self.working))
                if self._versions() == before:
                    return True
            self.discard()
            self.working.parent.mkdir()
        raise DatabaseBusyError(f"Another program keeps writing into {self.published}. Close it there, and run again.")

    def _versions(self) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
        return _version(self.published), _version(_log_of(self.published))

    def _settled(self) -> duckdb.DuckDBPyConnection:
        """Open the copy, which takes up its write-ahead log. Raises `DatabaseError` when DuckDB cannot."""
        try:
            connection = duckdb.connect(str(self.working))
            connection.execute("checkpoint")
        except duckdb.Error as error:
            if _log_of(self.working).exists():
                log.warning("%s does not belong to the database beside it; left out.", _log_of(self.published))
                _log_of(self.working).unlink()
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
            reason = redact(str(error).partition("\n")[0])
            message = "%s stays in a storage version that only newer DuckDB programs read: %s"
            log.warning(message, self.published, reason)
        return duckdb.connect(str(self.working))


def unwritable(path: Path, error: OSError) -> DatabaseError:
    """The error for a place that cannot be read or written, with the system's own reason."""
    reason = error.strerror or type(error).__name__
    where = error.filename2 or error.filename or path
    return DatabaseError(f"Cannot write {where}: {reason}. Nothing was published; mend it and run again.")


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _log_of(database: Path) -> Path:
    """Where DuckDB keeps what it has committed but not yet written into the file itself."""
    return database.with_name(database.name + ".wal")


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _inherit(old: os.stat_result, new: Path) -> None:
    """Who may read the published file stays as somebody set it."""
    with suppress(PermissionError):
        os.chown(new, old.st_uid, old.st_gid)
    new.chmod(old.st_mode)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
