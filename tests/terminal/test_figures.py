"""Tables of figures fit their terminal, keep every digit aligned, and let no text from outside speak to it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ai_gateway_billing_pipeline.terminal import figures
from ai_gateway_billing_pipeline.terminal.figures import Column
from support.terminals import terminal

DAYS = Column("day", ["2026-11-21", "2026-11-22"], ["total"])
NAMES = Column("account", ["a" * 32, "Research"], kind="name")
SPEND = Column("spend", ["1,234.50", "0.25"], ["1,234.75"], kind="number")
BARS = Column("", shares=[Decimal(1), Decimal("0.02")], spare=9)
AGES = Column("days old", ["7", "12"], kind="number", spare=1)
WORDS = Column("", ["incomplete: 12 of 24 hours", "so far"], kind="words")
ALL = [DAYS, NAMES, SPEND, BARS, AGES, WORDS]


def shown(width: int, columns: list[Column] = ALL, **options: str) -> str:
    with terminal(width, **options) as screen:
        figures.show(columns, title="Spend", notes=["A note."])
    return screen.text


@pytest.mark.parametrize("width", [60, 72, 80, 120, 200])
def test_no_line_is_wider_than_its_terminal_and_no_figure_is_cut(width: int) -> None:
    text = shown(width)

    assert max(map(len, text.splitlines())) <= width
    assert {"2026-11-21", "1,234.50", "0.25", "1,234.75"} <= set(text.split())
    assert "incomplete:" in text
    assert "A note." in text


def test_columns_go_one_after_the_other_as_it_gets_narrower() -> None:
    assert ("█" in shown(120), "days old" in shown(120)) == (True, True)
    assert ("█" in shown(106), "days old" in shown(106)) == (False, True)
    assert ("█" in shown(60), "days old" in shown(60)) == (False, False)


def test_figures_stand_below_each_other() -> None:
    lines = [line for line in shown(120).splitlines() if "2026" in line or "total" in line]

    ends = {line.index(figure) + len(figure) for line, figure in zip(lines, SPEND.cells + SPEND.totals, strict=True)}
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("kind", "encoding"), [("dumb", "utf-8"), ("xterm", "ascii"), ("xterm", "latin-1"), ("unknown", "utf-8")]
)
def test_a_terminal_without_blocks_gets_bars_of_signs(kind: str, encoding: str) -> None:
    text = shown(80, [DAYS, SPEND, BARS], kind=kind, encoding=encoding)

    assert "################" in text
    assert "█" not in text
    assert encoding != "ascii" or text.isascii()


def test_a_file_gets_whole_lines_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    figures.show(ALL, title="Spend")

    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "a" * 32 in out
    assert "################" in out
    assert not [line for line in out.splitlines() if line != line.rstrip()]


def test_no_colour_where_nobody_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with terminal(80) as screen:
        figures.show(ALL, title="Spend")

    assert "\x1b[3" not in screen.raw_text


def test_text_from_outside_is_only_text() -> None:
    evil = Column("name", ["\x1b[31mred\x07", "[bold]x[/bold]"], kind="words")

    text = shown(80, [evil, SPEND])

    assert "\x07" not in text
    assert "[bold]x[/bold]" in text
    assert "�[31mred�" in text


def test_a_sparkline_is_drawn_where_it_can_be() -> None:
    with terminal(80):
        assert figures.sparkline([Decimal(0), Decimal(5), Decimal(10)]) == "▁▅█"
        assert figures.sparkline([Decimal(0)]) == "▁"
        assert figures.sparkline([Decimal(-1), Decimal(1)]) == "▁█"
    with terminal(80, encoding="ascii"):
        assert figures.sparkline([Decimal(1)]) == ""
