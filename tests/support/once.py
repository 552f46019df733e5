"""What is made once for all tests of a run, whichever process they run in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


def made_once(name: str, make: Callable[[Path], Path]) -> Path:
    """The database of this name, for reading alone; `make` makes it in the folder that it is given."""
    database = Path(os.environ["SHARED_FOLDER"], f"{name}.duckdb")
    with FileLock(f"{database}.lock"):
        if not database.exists():
            with tempfile.TemporaryDirectory() as folder:
                shutil.copyfile(make(Path(folder)), f"{database}.part")
            Path(f"{database}.part").replace(database)
    return database
