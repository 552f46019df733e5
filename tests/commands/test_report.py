"""`aig-billing report`: what it needs, what it refuses, and what it tells of the page."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from support.command import aig
from support.demo_history import EMPTY_ACCOUNT_ID, built

needs_altair = pytest.mark.skipif(
    find_spec("altair") is None, reason="the extra `report` is not installed: make .venv/.notebooks"
)


@needs_altair
def test_json_tells_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "spend.html"
    ran = aig("report", "--database", str(built("empty")), "--output", str(path), "--json")

    assert ran.json["accounts"] == [EMPTY_ACCOUNT_ID]
    assert ran.json["bytes"] == path.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2026-02-30"], "is not a date"),
        (["--from", "2026-03-01", "--to", "2026-02-01"], "is after --to"),
        (["--account", "f" * 32], "no such account"),
        (["--output", "no/such/folder/spend.html"], "Cannot write"),
        (["--database", "none.duckdb"], "There is no database"),
    ],
)
@needs_altair
def test_what_cannot_be_is_refused(arguments: list[str], words: str) -> None:
    given = arguments if "--database" in arguments else [*arguments, "--database", str(built("empty"))]
    ran = aig("report", *given)

    assert ran.code == 2
    assert words in ran.err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_gateway_billing_pipeline.commands.report.find_spec", lambda name: None)
    ran = aig("report")

    assert ran.code == 2
    assert "[report]" in ran.err
