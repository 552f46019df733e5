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


_DECIMAL = {"data_type": "decimal", "precision": 38, "scale": 18}
MONEY = Kind(_DECIMAL, lambda value, _: values.decimal(value, values.AMOUNT_LIMIT))
USAGE = Kind(_DECIMAL, lambda value, _: values.decimal(value, values.USAGE_LIMIT))
QUANTITY = Kind(_DECIMAL, lambda value, _: values.decimal(value, values.QUANTITY_LIMIT))
TEXT = Kind({"data_type": "text"}, lambda value, _: values.text(value))
CURRENCY = Kind({"data_type": "text"}, lambda value, _: values.code(value))
PRICE = Kind({"data_type": "text"}, lambda value, _: values.number_as_text(value))
TIME = Kind({"data_type": "timestamp"}, values.instant)
MAYBE_TIME = Kind({"data_type": "timestamp"}, values.instant_or_never)
FLAG = Kind({"data_type": "bool"}, lambda value, _: values.flag(value))
COUNT = Kind({"data_type": "bigint"}, lambda value, _: values.whole(value))
TALLY = Kind({"data_type": "bigint"}, lambda value, _: values.count(value))
ESTIMATE = Kind(_DECIMAL, lambda value, _: values.estimate(value))
CLAIM = Kind({"data_type": "bool"}, lambda value, _: values.claim(value))
HOUR = Kind({"data_type": "timestamp"}, lambda value, _: values.hour(value))
DAY = Kind({"data_type": "date"}, lambda value, _: value)


class Fate(Enum):
    """What becomes of a row whose field is not as documented."""

    REFUSED = "refused"
    NULL = "NULL"
    TOLD = "NULL, told"


class Need(NamedTuple):
    """What a row needs of a field that the API sends: its fate when the field is missing, null, or unreadable."""

    missing: Fate
    null: Fate
    unreadable: Fate


REQUIRED = Need(Fate.REFUSED, Fate.REFUSED, Fate.REFUSED)
NULLABLE = Need(Fate.REFUSED, Fate.NULL, Fate.REFUSED)
OPTIONAL = Need(Fate.NULL, Fate.NULL, Fate.REFUSED)
EXPECTED = Need(Fate.TOLD, Fate.NULL, Fate.TOLD)
"""The contract names it as required, yet neither money nor identity hangs on it."""
INFORMATIVE = Need(Fate.NULL, Fate.NULL, Fate.TOLD)
OURS = Need(Fate.NULL, Fate.NULL, Fate.NULL)
"""Not sent: the load fills it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field and its column. `sent_as`: the API's name, where the column has another."""

    kind: Kind
    need: Need
    meaning: str
    sent_as: str | None = None
    sensitive: bool = False
    hints: Mapping[str, Any] = field(default_factory=dict)

    def column(self) -> dict[str, Any]:
        """The hints of its column."""
        nullable = self.need is not OURS and self.need.null is Fate.NULL
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

# --- what the load adds to many tables -----------------------------------------------------------------------------

_ACCOUNT = "Cloudflare account id, 32 hex characters"
_WITHDRAWN = "Always NULL here: during a load it marks what the API no longer returns"

ACCOUNT = Field(TEXT, OURS, _ACCOUNT)
ACCOUNT_KEY = Field(TEXT, OURS, _ACCOUNT, hints={"primary_key": True})
ACCOUNT_MERGED = Field(TEXT, OURS, _ACCOUNT, hints={"merge_key": True})
WITHDRAWN = Field(FLAG, OURS, _WITHDRAWN, hints={"nullable": True})
DELETED = Field(FLAG, OURS, _WITHDRAWN, hints={"nullable": True, "hard_delete": True})

# --- the columns of tables -----------------------------------------------------------------------------------------


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
