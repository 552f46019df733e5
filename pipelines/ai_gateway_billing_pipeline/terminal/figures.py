"""Tables of figures for people: aligned, with lines of totals, and as wide as the terminal, which loses bars first."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import output
from .values import printable

_BAR = 16
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_EIGHTHS_UP = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Column:
    """Cells and, below them, one for each line of totals. `shares`, from 0 to 1, are drawn as bars instead.

    `spare`: a terminal that is too narrow does without the column, without the highest first. Then names are cut and
    words go on in the next line; the rest is never folded.
    """

    name: str
    cells: Sequence[str] = ()
    totals: Sequence[str] = ()
    kind: Literal["plain", "number", "name", "words"] = "plain"
    spare: int = 0
    shares: Sequence[Decimal | None] = field(default=())


def show(columns: Sequence[Column], *, title: str, notes: Sequence[str] = (), has_head: bool = True) -> None:
    """Print them on standard output. Text from outside may be in any cell; nothing of it reaches the terminal's ear."""
    screen = output.screen()
    table = _table(screen, columns, has_head=has_head)
    for spare in sorted({column.spare for column in columns} - {0}, reverse=True):
        if not output.is_too_wide(screen, table):
            break
        table = _table(screen, [column for column in columns if column.spare < spare], has_head=has_head)
    below = [part for note in notes for part in (Text(), Text(printable(note)))]
    output.write(screen, Text(printable(title), style="bold"), Text(), table, *below)


def sparkline(amounts: Sequence[Decimal]) -> str:
    """A letter for each amount, the higher the more; nothing where the terminal cannot show it."""
    if not _can_show_blocks(output.screen()):
        return ""
    largest = max([*amounts, Decimal(0)]) or Decimal(1)
    return "".join(_EIGHTHS_UP[max(0, round(amount / largest * 7))] for amount in amounts)


def say(lines: Sequence[str]) -> None:
    """Sentences on standard output."""
    sys.stdout.writelines(printable(line) + "\n" for line in lines)


def _table(screen: Console, columns: Sequence[Column], *, has_head: bool) -> Table:
    has_totals = any(column.totals for column in columns)
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    table.show_header, table.show_footer = has_head, has_totals
    for column in columns:
        table.add_column(
            Text(column.name),
            Text("\n".join(map(printable, column.totals)), style="bold"),
            justify="right" if column.kind == "number" else "left",
            overflow="ellipsis" if column.kind == "name" else "fold",
            no_wrap=column.kind in ("plain", "number"),
        )
    for row in zip_longest(*(_cells(screen, column) for column in columns), fillvalue=""):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _cells(screen: Console, column: Column) -> Sequence[str]:
    if not column.shares:
        return column.cells
    return [_bar(share, can_show=_can_show_blocks(screen)) for share in column.shares]


def _can_show_blocks(screen: Console) -> bool:
    return screen.is_terminal and not screen.is_dumb_terminal and not screen.options.ascii_only


def _bar(share: Decimal | None, *, can_show: bool) -> str:
    """Up to 16 columns; something wherever there is something."""
    if not share or share < 0:
        return ""
    if not can_show:
        return "#" * max(1, round(share * _BAR))
    eighths = max(1, round(share * _BAR * 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
