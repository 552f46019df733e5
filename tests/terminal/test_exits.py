"""What nobody foresaw is a sentence and an exit code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_gateway_billing.simulator import Simulator
from ai_gateway_billing_pipeline.loading import load
from support.command import aig, serving
from support.constants import ACCOUNT, TOKEN


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account, which the settings name no further."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        yield simulator


def break_load(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(load, "load", broken)


def test_an_unforeseen_error_is_one_line_without_secrets(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, RuntimeError(f"boom {TOKEN} at https://api.cloudflare.com/x?y"))

    result = aig("load", "--json")

    assert result.code == 1
    assert result.err.startswith("Error: Unexpected error: boom *** at ***.")
    assert "--log-level debug" in result.err
    assert result.err.count("\n") == 1
    assert result.json["status"] == "failed"


def test_debugging_shows_the_traceback_without_the_token(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, RuntimeError(f"boom {TOKEN}"))

    result = aig("load", "--log-level", "debug")

    assert result.code == 1
    assert "Traceback" in result.err
    assert TOKEN not in result.err


def test_the_systems_own_refusal_is_told_in_its_words(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, PermissionError(13, "Permission denied", "/somewhere"))

    result = aig("load")

    assert result.code == 1
    assert result.err == "Error: Permission denied (/somewhere).\n"


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, KeyboardInterrupt())  # type: ignore[arg-type]
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)

    result = aig("load", "--account", ACCOUNT)

    assert result.code == 130
