"""Folders for tests to begin in: one that a test left as it was is there for the next, since most write nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

Contents = set[tuple[Path, int, int]]


class Places:
    """As many folders as there are tests that write something. They are made by who takes them."""

    def __init__(self, folder: Path) -> None:
        # By number: pytest's `mktemp` would look through all that there are for each new one.
        self._new = (folder / str(number) for number in itertools.count())
        self._untouched: list[Path] = []

    def take(self) -> Path:
        """One in which nothing was ever written."""
        return self._untouched.pop() if self._untouched else next(self._new)

    def give_back(self, folder: Path, before: Contents) -> None:
        """Where it has the contents that it had, somebody else may take it."""
        if folder.exists() and contents(folder) == before:
            self._untouched.append(folder)


def contents(folder: Path) -> Contents:
    """The folder and all that lies in it, each with its mode and the time of its last change."""
    found = [(path, path.lstat()) for path in (folder, *folder.rglob("*"))]
    return {(path, stat.st_mode, stat.st_mtime_ns) for path, stat in found}
