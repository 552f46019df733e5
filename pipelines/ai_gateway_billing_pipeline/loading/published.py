"""The published file as other programs know it: copied as of one moment, replaced only if nobody changed it since.

A program that has the file open for writing shuts a load out: in our storage version, DuckDB cannot tell which file a
log of committed changes belongs to, and would put those of the old file into the new one.
"""

import errno
import fcntl
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError

from . import access

_HEADERS = 12_288
"""DuckDB's three headers. Every checkpoint counts one of them up."""
_AT_ONCE = 1 << 30
"""Bytes. A file system that shares blocks takes no longer for more of them."""
_UNSYNCABLE = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EROFS}

log = logging.getLogger(__name__)

_Seen = tuple[object, ...]


@dataclass(slots=True)
class Published:
    """One database file. `folder` is where it may keep things while it is replaced."""

    path: Path
    folder: Path
    _copied: _Seen | None = None

    @property
    def log(self) -> Path:
        """Where DuckDB keeps what it has committed but not yet written into the file itself."""
        return log_of(self.path)

    def restore(self) -> None:
        """Put back the log that a load had set aside when it died before the file was replaced."""
        for aside in self.folder.glob("replaced-*.wal"):
            with _without_writers(self.path) as handle:
                is_replaced = handle is None or aside != self._aside(handle)
            if is_replaced:
                aside.unlink()
            elif self.log.exists():
                kept = aside.rename(self.folder / "unapplied.wal")
                log.warning(
                    "%s was changed after a load had died. Changes from before that are in %s.", self.path, kept
                )
            else:
                aside.rename(self.log)

    def copy(self, target: Path) -> bool:
        """Copy the file and its log. False when nothing is published. Raises `DatabaseBusyError`."""
        with _without_writers(self.path) as handle:
            self._copied = self._seen(handle)
        if handle is None:
            return False
        _copy(self.path, target)
        if self.log.exists():
            _copy(self.log, log_of(target))
        self._refuse_changed()
        return True

    def replace(self, new: Path) -> None:
        """Put `new` in the file's place, atomically and durably. Raises `DatabaseBusyError`, `DatabaseError`, OSError.

        Whenever this stops, either the old file is there, with its log or with one that `restore` puts back, or the
        new one, which has all that was in both.
        """
        if self.path.exists():
            for sentence in access.carry(self.path, new):
                log.warning("%s: %s", self.path, sentence)
        _sync(new)
        with _without_writers(self.path) as handle:
            self._refuse_changed(handle)
            aside = self._set_aside(handle)
            try:
                new.replace(self.path)
            except OSError as error:
                if aside:
                    aside.rename(self.log)
                raise _irreplaceable(self.path, error) from error
        with suppress(OSError):  # not every file system can; the new file is in its place already
            _sync(self.path.parent)
        if aside:
            aside.unlink()

    def rehearse(self, place: Path) -> list[str]:
        """Do with a small file, beside the published one, what `replace` does, and return what could not be kept.

        Raises `DatabaseBusyError`, `DatabaseError` or OSError when replacing the file would fail.
        """
        if _is_mount(self.path):
            raise _irreplaceable(self.path, OSError(errno.EBUSY, os.strerror(errno.EBUSY)))
        probe, beside = place / "rehearsal", self.path.with_name(f".{self.path.name}.rehearsal")
        probe.touch(0o600)
        told = access.carry(self.path, probe) if self.path.exists() else []
        _sync(probe)
        with _without_writers(self.path):
            try:
                probe.replace(beside)
            except OSError as error:
                raise _irreplaceable(self.path, error) from error
        beside.unlink()
        return told

    def _refuse_changed(self, handle: int | None = None) -> None:
        if self._seen(handle) != self._copied:
            raise DatabaseBusyError(
                f"Another program changed {self.path} while the load ran. Nothing was published, so what it wrote is "
                "kept. Close the file there, and run again."
            )

    def _seen(self, handle: int | None) -> _Seen:
        if handle is None:
            with _opened(self.path) as opened:
                return (None,) if opened is None else self._seen(opened)
        return _version(self.path), _version(self.log), os.pread(handle, _HEADERS, 0)

    def _set_aside(self, handle: int | None) -> Path | None:
        if handle is None or not self.log.exists():
            return None
        aside = self._aside(handle)
        self.log.rename(aside)
        with suppress(OSError):
            _sync(self.folder)
        return aside

    def _aside(self, handle: int) -> Path:
        """Named after the very file that the log belongs to."""
        return self.folder / f"replaced-{hashlib.sha256(os.pread(handle, _HEADERS, 0)).hexdigest()[:16]}.wal"


def log_of(database: Path) -> Path:
    """DuckDB's write-ahead log of that file."""
    return database.with_name(database.name + ".wal")


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _without_writers(path: Path) -> Iterator[int | None]:
    """While this lasts, nobody can open the file for writing. Raises `DatabaseBusyError` when somebody has.

    Takes DuckDB's own lock, as a reader does. The system drops it when any other handle on the file is closed in this
    process: so what is read of the file here is read from the one that this gives.
    """
    with _opened(path) as handle:
        if handle is not None:
            try:
                fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    raise DatabaseBusyError(
                        f"{path} is open for writing in another program. Close it there, or open it read-only, and "
                        "run again."
                    ) from error
                # Else a file system without locks.
        yield handle


def _copy(source: Path, target: Path) -> None:
    """For the owner alone, whoever may read the source. Where the file system can, both share what neither changes."""
    target.touch(0o600)
    # Not every system can, nor any between two file systems.
    with suppress(AttributeError, OSError), source.open("rb") as old, target.open("wb") as new:
        while os.copy_file_range(old.fileno(), new.fileno(), _AT_ONCE):
            pass
        if os.fstat(new.fileno()).st_size == os.fstat(old.fileno()).st_size:
            return
    shutil.copyfile(source, target)


def _version(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _irreplaceable(path: Path, error: OSError) -> DatabaseError:
    if error.errno == errno.EBUSY:
        return DatabaseError(
            f"{path} is mounted as a single file, as containers do, and cannot be replaced. Nothing was published. "
            f"Mount the folder that it is in instead of the file, and run again."
        )
    if error.errno == errno.EXDEV:
        return DatabaseError(
            f"{path}.load is on another device than {path}, so that a finished load cannot be put in its place. "
            "Nothing was published. Make it a folder beside the database (it can be deleted), and run again."
        )
    return DatabaseError(
        f"{path} cannot be replaced: {error.strerror}. Nothing was published. Allow this user to write in the folder "
        f"{path.parent}, and run again."
    )


def _is_mount(path: Path) -> bool:
    """Whether something is mounted on the file itself; False where the system lists no mounts as Linux does."""
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
            point = re.sub(rb"\\(\d{3})", lambda found: bytes([int(found[1], 8)]), line.split(b" ")[4])
            if point == os.fsencode(path):
                return True
    return False


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSYNCABLE:
            raise
        log.debug("%s cannot be synced here: %s.", path, error.strerror)
    finally:
        os.close(handle)
