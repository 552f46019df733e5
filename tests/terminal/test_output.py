"""Values as people and machines read them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from rich.text import Text

from ai_gateway_billing_pipeline.terminal import output


def test_lines_in_a_pipe_are_neither_folded_nor_padded() -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        output.print_table(["words", "n"], [("x" * 500, 1), ("y", None)], title="Long", right=[1])

    lines = out.getvalue().splitlines()
    assert lines[1] == "Long"
    assert any("x" * 500 in line for line in lines)
    assert all(line == line.rstrip() for line in lines)


class Terminal(io.StringIO):
    """A screen, as wide as COLUMNS says."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (15, "name      count\n───────────────\naccount       1\naccount       2\n"),
        (14, "name   account\ncount  1      \n\nname   account\ncount  2      \n"),
    ],
)
def test_rows_too_wide_for_a_terminal_are_lists(monkeypatch: pytest.MonkeyPatch, width: int, expected: str) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")

    with redirect_stdout(Terminal()) as screen:
        output.print_rows(["name", "count"], [("account", 1), ("account", 2)], right=[1])

    assert Text.from_ansi(screen.getvalue()).plain.rstrip() == expected.rstrip()


def test_rows_in_a_pipe_are_a_table_however_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")

    with redirect_stdout(io.StringIO()) as pipe:
        output.print_rows(["name"] * 9, [("account",) * 9], right=[])

    assert len(pipe.getvalue().splitlines()) == 3
