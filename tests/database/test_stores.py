"""Every reading command opens what a load wrote in one way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest
import time_machine

from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.settings import Store
from support.command import aig, reading_commands
from support.constants import NOW

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


ASKED = {
    "check": ["--json"],
    "export": ["focus", "--output", "out.csv", "--force"],
    "metrics": ["--output", "out.prom", "--force"],
    "query": ["select * from spend.daily_in('Asia/Kolkata') order by all", "--json"],
    "report": ["--output", "out.html", "--force"],
}
"""What a command is given so that it says much. Others show what they show."""


@pytest.mark.stores
@pytest.mark.slow
@pytest.mark.parametrize("destination", ["postgres", "ducklake"])
@time_machine.travel(NOW + timedelta(hours=8), tick=False)
def test_every_reading_command_says_the_same(
    destination: str, pour: Callable[[str], None], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pour(destination)
    monkeypatch.setenv("AIG_BILLING_DATABASE", str(file))
    commands = [name for name in reading_commands() if name != "report" or find_spec("altair")]
    assert len(commands) > 10
    for name in commands:
        command = [*name.split(), *ASKED.get(name, [])]
        here, files = aig(*command), [path.read_bytes() for path in sorted(Path().glob("out.*"))]
        there = aig(*command, "--destination", destination)

        assert here.out or files, (command, here)
        said = there.out.replace(f"billing in {destination},", f"billing in {file},")
        assert (there.code, said) == (here.code, here.out), (command, there)
        assert [path.read_bytes() for path in sorted(Path().glob("out.*"))] == files
