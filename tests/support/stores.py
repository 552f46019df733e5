"""Fixtures of stores other than the file. A test that asks for one is marked `stores`.

Postgres runs from the first test that asks for it until the session ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import lake as lakes
from support import postgres as servers


@pytest.fixture(scope="session")
def postgres_server(clean_session: None) -> Iterator[servers.Server]:
    """A real Postgres for the whole session."""
    with servers.serving() as server:
        yield server


@pytest.fixture
def is_marked(request: pytest.FixtureRequest) -> None:
    """Where there is no Postgres, a test without the mark would be skipped by those who expect it to run."""
    assert any(map(request.node.get_closest_marker, ("stores", "slow"))), "mark it with pytest.mark.stores"


@pytest.fixture
def postgres(
    is_marked: None, postgres_server: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[servers.Database]:
    """An empty database, which `--destination postgres` leads to."""
    with postgres_server.database() as database:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", database.url)
        yield database


@pytest.fixture
def lake(
    is_marked: None,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: servers.Server,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[lakes.Lake]:
    """An empty lake with a Postgres catalog, which `--destination ducklake` leads to; where DuckLake is installed."""
    lakes.install_extensions(Path(os.environ["HOME"]))
    with postgres_server.database() as database:
        made = lakes.lake(tmp_path_factory.mktemp("lake"), database)
        for name, value in made.settings().items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def file_lake(is_marked: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> lakes.Lake:
    """An empty lake whose catalog is a DuckDB file."""
    return lakes.in_a_file("duckdb", tmp_path, monkeypatch)
