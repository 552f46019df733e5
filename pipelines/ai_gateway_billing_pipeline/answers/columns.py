"""What the layouts of answers have in common: what they are made of, their title, and many columns."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ai_gateway_billing_pipeline.database.scope import Account
from ai_gateway_billing_pipeline.terminal.figures import Column
from ai_gateway_billing_pipeline.terminal.values import UNKNOWN, cut, minute, money

from .questions import Answer

_NAME = 32
WORDS = 60
"""Characters of free text in a table."""


class Layout(NamedTuple):
    """What is printed. `has_head`: the columns have names."""

    title: str
    columns: Sequence[Column]
    notes: Sequence[str] = ()
    has_head: bool = True


def title(what: str, answer: Answer) -> str:
    """What is answered, of whom, and as of when."""
    accounts = answer.scope.accounts
    whose = f" of {label(accounts[0], accounts)}" if len(accounts) == 1 and accounts[0].name else ""
    return f"{what}{whose}, UTC, as of {moment(answer.as_of)}"


def label(account: Account, others: Sequence[Account], length: int = _NAME) -> str:
    """What a table calls the account: its name, cut, with its id where another has the same name; else its id."""
    if not account.name:
        return cut(account.id, length)
    name = " ".join(account.name.split())
    if sum(other.name == account.name for other in others) > 1:
        return f"{cut(name, length - 11)} ({account.id[:8]})"
    return cut(name, length)


def moment(value: datetime | None) -> str:
    """To the minute, UTC."""
    return UNKNOWN if value is None else minute(value)


def number(value: Decimal | int | None) -> str:
    """A figure that is no money, with all its digits."""
    return UNKNOWN if value is None else f"{value:,}"


def names(answer: Answer, total: str = "", length: int = _NAME) -> Column:
    """Whose row it is."""
    accounts = answer.scope.accounts
    labels = {account.id: label(account, accounts, length) for account in accounts}
    cells = [labels[row["account_id"]] for row in answer.rows]
    return Column("account", cells, [total] * len(answer.totals), kind="name")


def names_if_several(answer: Answer) -> list[Column]:
    """The same; nobody asks where there is only one."""
    return [names(answer)] if len(answer.scope.accounts) > 1 else []


def periods(name: str, cells: Sequence[str], answer: Answer) -> Column:
    """The first column, in which the lines of totals say what they are."""
    return Column(name, cells, ["total"] * len(answer.totals))


def amounts(name: str, answer: Answer, key: str, spare: int = 0) -> Column:
    """Money, and its totals where it may be summed."""
    sums = [money(total[key]) if key in total else "" for total in answer.totals]
    return Column(name, [money(row[key]) for row in answer.rows], sums, kind="number", spare=spare)


def currencies(answer: Answer) -> Column:
    """Of the amounts before it."""
    return Column("", [row["currency"] for row in answer.rows], [total["currency"] for total in answer.totals])


def shares(answer: Answer, key: str) -> Column:
    """Bars: of the largest amount in the same currency."""
    largest: dict[str, Decimal] = {}
    for row in answer.rows:
        largest[row["currency"]] = max(largest.get(row["currency"], Decimal(0)), row[key] or Decimal(0))
    return Column("", shares=[_share(row[key], largest[row["currency"]]) for row in answer.rows], spare=9)


def _share(amount: Decimal | None, largest: Decimal) -> Decimal | None:
    return None if amount is None else amount / (largest or 1)


def remarks(cells: Sequence[str], answer: Answer, key: str) -> Column:
    """What to know of a row; and of which totals something is missing."""
    missing = Counter(row["currency"] for row in answer.rows if row[key] is None)
    totals = ["of what is known" if missing[total["currency"]] else "" for total in answer.totals]
    return Column("", cells, totals, kind="words")


def figures(lines: Sequence[tuple[str, str, str, str]]) -> list[Column]:
    """A list instead of a table: what it is, how much, of what, and a remark."""
    names, values, units, words = zip(*lines, strict=True)
    return [Column("", names), Column("", values, kind="number"), Column("", units), Column("", words, kind="words")]
