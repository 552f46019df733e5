"""Every reading command opens what a load wrote in one way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ai_gateway_billing_pipeline import cli, settings
from ai_gateway_billing_pipeline.settings import Store
from support.command import aig

WRITERS = {"backfill", "doctor", "load", "publish"}
NEEDED = {"query": ["select 1"], "report": ["--output", "-"], "export": ["focus", "--output", "-"]}


def readers() -> Iterator[str]:
    """Every command with both options that does not write."""

    def walk(name: str, command: Any) -> Iterator[str]:
        if {"--database", "--destination"} <= {option for each in command.params for option in each.opts}:
            yield name
        for child, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}".strip(), inner)

    yield from sorted(set(walk("", typer.main.get_command(cli.app))) - WRITERS)


def test_a_file_that_is_named_is_meant_whatever_the_environment_has() -> None:
    environ = {"AIG_BILLING_DESTINATION": "postgres", "AIG_BILLING_DATABASE": "other.duckdb"}

    assert settings.store("a.duckdb", None, environ) == Store(Path("a.duckdb"))
    assert settings.store(None, None, environ) == Store(Path("other.duckdb"), "postgres")
    assert settings.store(None, "duckdb", environ) == Store(Path("other.duckdb"))
    assert settings.store("a.duckdb", "postgres", environ) == Store(Path("a.duckdb"), "postgres")
    assert settings.store(None, None, {}) == Store(Path("billing.duckdb"))


def test_a_store_is_called_as_its_user_calls_it() -> None:
    assert [str(Store(Path("a.duckdb"))), str(Store(Path("a.duckdb"), "postgres"))] == ["a.duckdb", "postgres"]


def test_readers_have_both_options() -> None:
    assert {"check", "export", "query", "report", "status"} <= set(readers())


@pytest.mark.parametrize("command", [*readers()])
def test_a_destination_that_nothing_can_read_is_refused(command: str) -> None:
    if command == "report":
        pytest.importorskip("altair")

    ran = aig(*command.split(), *NEEDED.get(command, []), "--destination", "nonsense")

    assert (ran.code, ran.out) == (2, "")
    assert "nonsense" in ran.err
