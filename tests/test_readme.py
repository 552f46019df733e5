"""The README's commands work in the order in which they stand there, from a stranger's first to their own account."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
import time_machine

from ai_gateway_billing_pipeline.commands import demo
from support.command import aig, ending, serving
from support.constants import ACCOUNT, NOW, ROOT
from support.demo_history import built

README = (ROOT / "README.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language == kind]


def commands() -> list[list[str]]:
    """Each `aig-billing …` of the shell blocks, without those that need what the README lets people install."""
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    given = [words for words in lines if words[:1] == ["aig-billing"]]
    return [words for words in given if words[1] != "report" or find_spec("altair")]


@pytest.mark.parametrize("command", ["today", "models", "check"])
def test_answers_are_shown_as_they_are_printed(command: str) -> None:
    """On the demo's account as a fixed day saw it."""
    assert [words[1] for words in commands()].count(command) == 1
    with time_machine.travel(NOW, tick=False):
        ran = aig(command, "--database", str(built("demo")))

    assert ran.code == 0
    assert ran.out in blocks("")


@pytest.mark.thorough
def test_the_commands_work_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only token and address are put in: an account that is nobody's answers on this machine."""
    with serving(monkeypatch, ACCOUNT):
        ran = [(words, aig(*words[1:])) for words in commands()]

    assert [(words, done.code, done.err) for words, done in ran if done.code] == []
    assert ["load", "--demo"] in [words[1:] for words, _ in ran]
    assert ["load"] in [words[1:] for words, _ in ran]
    assert {path.name for path in Path().glob("*.duckdb")} == {"demo.duckdb", "billing.duckdb"}
    assert ending(lambda: demo.main([])).code == 0

    table = blocks("")[0]
    (query,) = [done for words, done in ran if words[1] == "query" and "spend.monthly" in words[-1]]
    assert query.out == table
