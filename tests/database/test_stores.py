"""Every reading command opens what a load wrote in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.settings import Store
from support.command import aig, reading_commands

NEEDED = {"query": ["select 1"], "report": ["--output", "-"], "export": ["focus", "--output", "-"]}


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
    assert {"check", "export", "query", "report", "status"} <= set(reading_commands())


@pytest.mark.parametrize("command", reading_commands())
def test_a_destination_that_nothing_can_read_is_refused(command: str) -> None:
    if command == "report":
        pytest.importorskip("altair")

    ran = aig(*command.split(), *NEEDED.get(command, []), "--destination", "elsewhere")

    assert (ran.code, ran.out) == (2, "")
    assert "elsewhere" in ran.err
