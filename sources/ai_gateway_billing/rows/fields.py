"""How a field is declared: what it holds, what becomes of a row that lacks it, and the column that it fills.

Plain data, so that readers need no dlt.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from . import values

Columns = dict[str, dict[str, Any]]
"""Columns by name, each with the hints that dlt takes."""


class Kind(NamedTuple):
    """What a field holds: its column's type, and how a JSON value that was read at some moment becomes a Python one."""

    hint: dict[str, Any]
    convert: Callable[[Any, datetime], Any]


MONEY = Kind({"data_type": "decimal", "precision": 38, "scale": 18}, lambda value, _: values.decimal(value))
TEXT = Kind({"data_type": "text"}, lambda value, _: values.text(value))
PRICE = Kind({"data_type": "text"}, lambda value, _: values.number_as_text(value))
TIME = Kind({"data_type": "timestamp"}, values.instant)
FLAG = Kind({"data_type": "bool"}, lambda value, _: values.flag(value))
COUNT = Kind({"data_type": "bigint"}, lambda value, _: values.whole(value))
DAY = Kind({"data_type": "date"}, lambda value, _: value)


class Need(Enum):
    """What a row needs of a field that the API sends."""

    REQUIRED = "there and not null"
    NULLABLE = "there, perhaps null"
    OPTIONAL = "perhaps missing or null"


@dataclass(frozen=True, slots=True)
class Field:
    """One field and its column. `need` is None where the load fills it. `sent_as`: the API's name, if it is another."""

    kind: Kind
    need: Need | None
    meaning: str
    sent_as: str | None = None
    sensitive: bool = False
    hints: Mapping[str, Any] = field(default_factory=dict)

    def column(self) -> dict[str, Any]:
        """The hints of its column."""
        nullable = self.need in {Need.NULLABLE, Need.OPTIONAL}
        return {**self.kind.hint, "nullable": nullable, "description": self.meaning, **self.hints}


@dataclass(frozen=True, slots=True)
class Group:
    """An object whose fields become columns of its row or, if there may be `many`, rows of a child table."""

    need: Need
    fields: "Fields"
    many: bool = False
    sensitive: bool = False
    sent_as: None = None


Fields = Mapping[str, Field | Group]


def columns(fields: Fields, *, sensitive: bool = False) -> Columns:
    """The columns of a table, or those that it has only when sensitive ones are asked for."""
    return {name: each.column() for name, each, secret in _leaves(fields) if secret == sensitive}


def _leaves(fields: Fields, prefix: str = "", secret: bool = False) -> Iterator[tuple[str, Field, bool]]:
    for name, each in fields.items():
        hidden = secret or each.sensitive
        if isinstance(each, Field):
            yield prefix + name, each, hidden
        elif not each.many:
            yield from _leaves(each.fields, f"{prefix}{name}__", hidden)


def with_children(table: str, fields: Fields) -> Iterator[tuple[str, Fields]]:
    """The table and, one level after another, its child tables, by their names."""
    yield table, fields
    for name, each in fields.items():
        if isinstance(each, Group) and each.many:
            yield from with_children(f"{table}__{name}", each.fields)
