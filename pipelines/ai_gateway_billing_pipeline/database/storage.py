"""The storage version of the published file: an old one, so that the DuckDB programs that people have can open it.

What DuckDB writes by default follows the version that happens to be installed, and older programs refuse it.
"""

import re
from pathlib import Path

import duckdb

from ai_gateway_billing.redaction import first_line

VERSION = "v1.0.0"
"""As `attach` calls it. DuckDB of any version since 1.0 reads it."""

NUMBER = 64
"""The same, as the file's header says it."""

_MAGIC = slice(8, 12)
_NUMBER = slice(12, 20)
_WRITTEN_BY = slice(52, 84)
_TOO_NEW = re.compile(r"we can only read version|newer (storage )?version", re.IGNORECASE)


def create(path: Path) -> None:
    """Make an empty database. Whoever opens the file afterwards keeps its storage version."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as made (storage_version '{VERSION}')")


def number(path: Path) -> int | None:
    """The storage version in the file's header, or None when that is no DuckDB header."""
    header = _header(path)
    return int.from_bytes(header[_NUMBER], "little") if header[_MAGIC] == b"DUCK" else None


def convert(path: Path, converted: Path) -> None:
    """Write everything in the database `path` into a new file. Raises `duckdb.Error` when that cannot hold it."""
    create(converted)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as original (read_only)")
        connection.execute(f"attach '{converted}' as converted")
        connection.execute("copy from database original to converted")


def why_unreadable(path: Path, error: duckdb.Error, named: Path) -> str:
    """What keeps DuckDB from opening the file, which users know as `named`, and what to do: age is no damage."""
    if number(path) is not None and _TOO_NEW.search(str(error)):
        writer = _header(path)[_WRITTEN_BY].rstrip(b"\0").decode("ascii", "replace").strip()
        by = f"DuckDB {writer}" if re.fullmatch(r"v[\d.]+\S*", writer) else "a newer DuckDB"
        return (
            f"{named} was written by {by}, and the DuckDB {duckdb.__version__} installed here is too old to read it. "
            "The file is not damaged. Leave it where it is, and update: pip install --upgrade duckdb."
        )
    first = first_line(error)
    return f"{named} is damaged or no DuckDB database ({first}). Move it away or choose another with --database."


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_WRITTEN_BY.stop)
