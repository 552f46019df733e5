"""What goes to standard output: tables for people, rows as JSON and CSV for machines. Numbers keep every digit."""

import csv
import logging
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from . import logs
from .values import iso, no_formula, plain, printable, text, to_json

TABLE_ROWS = 1_000
_ENDLESS = 10_000  # columns of a file or a pipe, where no line may be folded or cut


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, right: Iterable[int] = ()
) -> None:
    """A table of plain text on standard output; `right` names the columns that hold numbers."""
    shown = screen()
    if title is not None:
        shown.print(Text(f"\n{title}\n", style="bold"))
    _print(shown, _table(columns, rows, set(right)))


def _print(shown: Console, table: Table) -> None:
    if shown.is_terminal:
        shown.print(table)
    else:
        write(shown, table)


def screen() -> Console:
    """Standard output as it is now: a terminal, or a file or pipe as wide as anything may be."""
    return Console(width=None if sys.stdout.isatty() else _ENDLESS, highlight=False)


def write(shown: Console, *parts: Text | Table) -> None:
    """One below the other, without blanks at the ends of lines."""
    with shown.capture() as capture:
        for part in parts:
            shown.print(part)
    sys.stdout.writelines(line.rstrip() + "\n" for line in capture.get().splitlines())


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: set[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for position, name in enumerate(columns):
        justify: Any = "right" if position in numbers else "left"
        table.add_column(Text(printable(name)), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell_text, row))
    return table


def _cell_text(value: object) -> Text:
    return Text(text(value), style="dim" if value is None else "")


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Iterable[int]) -> None:
    """A table of at most `TABLE_ROWS` rows; standard error tells when there are more.

    A terminal that is too narrow for the table gets each row as a list of names and values.
    """
    if not columns:
        return
    rest = iter(rows)
    first = list(islice(rest, TABLE_ROWS))
    shown, table = screen(), _table(columns, first, set(right))
    if first and shown.is_terminal and is_too_wide(shown, table):
        _print_lists(shown, columns, first)
    else:
        _print(shown, table)
    left_out = sum(1 for _ in rest)
    if left_out:
        logs.tell(
            f"The first {TABLE_ROWS} rows; {left_out} more are not shown. --csv and --json give all.", logging.WARNING
        )


def is_too_wide(shown: Console, table: Table) -> bool:
    """Whether some column would have to be cut or folded."""
    return Measurement.get(shown, shown.options.update(max_width=_ENDLESS), table).maximum > shown.width


def _print_lists(shown: Console, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    for position, row in enumerate(rows):
        if position:
            shown.print()
        shown.print(_list(columns, row))


def _list(columns: Sequence[str], row: Sequence[object]) -> Table:
    """One row, a line for each of its values."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in zip(columns, row, strict=True):
        table.add_row(Text(printable(name)), _cell_text(value))
    return table


def print_json_rows(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A JSON array with one object per row, each on a line of its own."""
    names = _unique(columns)
    separator = "[\n"
    for row in rows:
        sys.stdout.write(separator + to_json(dict(zip(names, row, strict=True))))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """CSV with a header line; NULL is an empty field, and no text is a formula for a spreadsheet."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(no_formula, columns))
    writer.writerows(["" if value is None else _cell(value) for value in row] for row in rows)


def _cell(value: object) -> str:
    match value:
        case datetime():
            return iso(value)
        case Decimal():
            return plain(value)
        case str():
            return no_formula(value)
    return no_formula(text(value)) if not isinstance(value, (int, float)) else text(value)


def _unique(names: Sequence[str]) -> list[str]:
    """JSON keeps one value per name, so the second `amount` becomes `amount_1`."""
    result: list[str] = []
    for name in names:
        candidate, number = name, 0
        while candidate in result:
            number += 1
            candidate = f"{name}_{number}"
        result.append(candidate)
    return result
