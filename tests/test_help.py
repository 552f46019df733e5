"""What `--help` prints: short enough to be read whole, and no option that the documentation lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup, TyperOption

from ai_gateway_billing_pipeline.cli import app
from support.command import aig
from support.constants import ROOT

OF_SHELLS = {"--install-completion", "--show-completion"}


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A command and all below it, with the words by which each is called."""
    yield path, command
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from commands(each, *path, name)


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("width", ["80", "120"])
def test_help_fits_its_terminal_and_cuts_no_sentence(
    path: tuple[str, ...], width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)

    short, long = aig(*path, "-h"), aig(*path, "--help")

    assert short.code == 0
    assert short.out == long.out
    assert "..." not in short.out.replace("COMMAND [ARGS]...", "")
    assert max(map(len, short.out.splitlines())) <= int(width)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_has_help_and_is_documented(path: tuple[str, ...]) -> None:
    documented = "".join((ROOT / page).read_text("utf-8") for page in ("README.md", "docs/API.md"))
    given = [each for each in ALL[path].params if isinstance(each, TyperOption) and not OF_SHELLS & set(each.opts)]

    assert [each.name for each in given if not each.help] == []
    assert [each.opts for each in given if each.opts[0] not in documented and path[:1] != ("account",)] == []
