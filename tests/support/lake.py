"""DuckLake in tests: its extensions come as packages for one version of DuckDB, so that nothing is downloaded.

`make .venv/.lake` installs them; `PYTHONPATH=.venv/lake python -m pytest …` runs tests with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.postgres import Database

EXTENSIONS = ("ducklake", "postgres_scanner", "sqlite_scanner")


@dataclass(frozen=True)
class Lake:
    """A lake: its catalog and the folder of its files."""

    catalog: str
    storage: Path

    def settings(self) -> dict[str, str]:
        """The environment variables that dlt finds it by."""
        place = "DESTINATION__DUCKLAKE__CREDENTIALS__"
        return {f"{place}CATALOG": self.catalog, f"{place}STORAGE__BUCKET_URL": str(self.storage)}

    def connect(self) -> duckdb.DuckDBPyConnection:
        """DuckDB with the lake as its current database, read-only, times in UTC."""
        scheme, _, place = self.catalog.partition("://")
        by_scheme = {"sqlite": ("sqlite:", ""), "duckdb": ("", ""), "postgresql": ("postgres:", "postgresql://")}
        kind, prefix = by_scheme[scheme]
        schema = ", metadata_schema 'ducklake'" if scheme == "postgresql" else ""
        connection = duckdb.connect()
        connection.execute("set timezone = 'UTC'")
        place = place if scheme == "postgresql" else place.removeprefix("/")
        connection.execute(f"attach 'ducklake:{kind}{prefix}{place}' as lake (read_only{schema})")
        connection.execute("use lake")
        return connection

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.connect() as connection:
            return connection.execute(query, list(values)).fetchall()

    @contextmanager
    def asking(self) -> Iterator[Any]:
        """Something to ask several queries: to attach the lake takes longer than most of them."""
        with self.connect() as connection:
            yield lambda query: connection.execute(query).fetchall()


def lake(storage: Path, database: Database) -> Lake:
    """A lake that does not exist yet, with a Postgres as its catalog."""
    return Lake(database.url, storage)


def in_a_file(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """An empty lake whose catalog is a file, which `--destination ducklake` leads to."""
    install_extensions(Path(os.environ["HOME"]))
    made = Lake(f"{kind}:///{folder}/catalog.{kind}", folder / "lake")
    for name, value in made.settings().items():
        monkeypatch.setenv(name, value)
    return made


def install_extensions(home: Path) -> None:
    """Put the extensions where this DuckDB looks for them. Skips the test where they are not installed."""
    found = {name: find_spec(f"duckdb_extension_{name}") for name in EXTENSIONS}
    if not all(found.values()):
        pytest.skip("no DuckLake here; make .venv/.lake installs it")
    with duckdb.connect() as connection:
        ((platform,),) = connection.execute("pragma platform").fetchall()
    for name, spec in found.items():
        assert spec
        assert spec.origin
        file = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        target = home / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / platform / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file)
