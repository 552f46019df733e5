"""The published database file and the folder beside it in which a load works until it can publish.

The published file is the truth: every load starts from a copy of it and replaces it by one atomic rename. All else
in the folder may be lost at any moment. `pending/` holds what a load had extracted, so that a load that dies while
writing need not ask the API again; it counts only as long as the published file is the one it was extracted for.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ai_gateway_billing.errors import DatabaseError, SettingsError

DATASET = "ai_gateway_billing"
_RESERVED_STEMS = (DATASET, "spend", "main", "temp", "system", "memory")


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
        """The file that a load writes. It has the published file's name, because views remember it."""
        return self.folder / self.published.name

    @property
    def dlt(self) -> Path:
        """Folder of dlt itself: state, packages, traces of the running or last load."""
        return self.folder / "dlt"

    @property
    def pending(self) -> Path:
        """A copy of dlt's folder as it was before a load began to write."""
        return self.folder / "pending"

    @property
    def _base(self) -> Path:
        return self.folder / "pending.base"

    def create(self) -> None:
        """Make the folder. Raises `SettingsError` for an impossible name, `DatabaseError` when it cannot be written."""
        if self.published.stem in _RESERVED_STEMS:
            message = f"{self.published.name} cannot be the database's name: DuckDB would confuse it with a schema. "
            raise SettingsError(message + "Choose another with --database.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / "probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def begin(self) -> bool:
        """Start from a copy of the published file. True when an earlier load's package waits to be loaded first."""
        remove(self.dlt)
        self.seed()
        if self.pending.exists() and self._base_text() == self._identity():
            shutil.copytree(self.pending, self.dlt)
            return True
        self.forget_pending()
        return False

    def seed(self) -> None:
        """Make the working file a copy of the published one, or remove it when nothing is published."""
        for leftover in self.folder.glob(self.published.name + "*"):
            remove(leftover)
        if self.published.exists():
            check_ours(self.published)
            shutil.copyfile(self.published, self.working)

    def keep_pending(self) -> None:
        """Remember what has been extracted, before any of it is written."""
        self.forget_pending()
        self._base.write_text(self._identity())
        half = self.folder / "pending.half"
        remove(half)
        shutil.copytree(self.dlt, half)
        half.rename(self.pending)

    def forget_pending(self) -> None:
        """Drop what an earlier load had extracted."""
        remove(self.pending)
        self._base.unlink(missing_ok=True)

    def publish(self) -> None:
        """Replace the published file by the working one, atomically and durably."""
        _sync(self.working)
        # A write-ahead log of whoever opened the old file for writing must not be replayed into the new one.
        self.published.with_name(self.published.name + ".wal").unlink(missing_ok=True)
        self.working.replace(self.published)
        _sync(self.published.parent)
        self.forget_pending()

    def _identity(self) -> str:
        try:
            stat = self.published.stat()
        except FileNotFoundError:
            return "none"
        return json.dumps([stat.st_ino, stat.st_size, stat.st_mtime_ns])

    def _base_text(self) -> str:
        return self._base.read_text() if self._base.exists() else ""


def check_ours(path: Path) -> None:
    """Raise `DatabaseError` unless the file is a DuckDB database that can be read."""
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            return  # somebody has it open for writing: it is a database, and what was committed can be copied
        message = f"{path} is damaged or no DuckDB database. Nothing was changed. Move it away or choose another "
        raise DatabaseError(message + "with --database, and run again.") from error


def unwritable(path: Path, error: OSError) -> DatabaseError:
    """The error for a place that cannot be written, with the system's own reason."""
    reason = error.strerror or type(error).__name__
    return DatabaseError(f"Cannot write {path}: {reason}. Nothing was published; mend it and run again.")


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
