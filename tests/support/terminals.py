"""A standard output that is a terminal, of any width, with or without colours and Unicode."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.TextIOWrapper):
    """What is printed stays in it."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", newline="\n")

    def isatty(self) -> bool:
        return True

    @property
    def raw_text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]

    @property
    def text(self) -> str:
        """Without colours."""
        return COLOURS.sub("", self.raw_text)


@contextmanager
def terminal(width: int, *, kind: str = "xterm-256color", encoding: str = "utf-8") -> Iterator[Terminal]:
    """While this lasts, standard output is such a terminal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        patch.setenv("TERM", kind)
        screen = Terminal(encoding)
        patch.setattr(sys, "stdout", screen)
        yield screen
