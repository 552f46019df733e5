"""A `result` of the API in, rows out: Decimal money, UTC times, strict keys, nothing sensitive unless asked for.

A documented required field that is missing or has another type raises `RecordError`; an optional one that is absent
is NULL. What is only informative never costs its row: unreadable, it is NULL and told. Unknown fields are kept, each
as one column.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.outcome import Rejected

from . import unknown, values
from .fields import OURS, Fate, Field, Fields, Group
from .tables import FIELDS

Row = dict[str, Any]


class Unreadable(NamedTuple):
    """A field that is not as documented, in a row that was made all the same, and what was sent."""

    error: RecordError
    sent: Row


@dataclass(frozen=True, slots=True)
class Reading:
    """What rows depend on besides the answer: whose it is, when it was read, and whether secrets may stay.

    `told` collects what of the rows could not be read though they were made.
    """

    account_id: str
    now: datetime
    include_sensitive: bool = False
    told: list[Unreadable] = field(default_factory=list, compare=False)

    def unreadable(self) -> list[Rejected]:
        """What could not be read, as far as it may be kept."""
        return [unknown.rejected(error, sent) for error, sent in self.told]


def row(table: str, item: Any, reading: Reading) -> Row:
    """One row of the table, with the rows of its child tables inside, and every field that is not declared."""
    told = len(reading.told)
    try:
        return _row(table, FIELDS[table], item, reading)
    except RecordError:
        del reading.told[told:]
        raise


def documented(table: str, item: Any, reading: Reading) -> Row:
    """The same without what is not declared."""
    return _documented(table, FIELDS[table], item, reading)


def invoice(item: Any, reading: Reading) -> Row:
    """One row per invoice, amounts in cents. Source: invoice-history."""
    before = len(reading.told)
    found = row("invoices", item, reading)
    unread = [each.error.field for each in reading.told[before:] if found.get(each.error.field) is None]
    if not found["id"] and {"created", "description"} & set(unread):
        del reading.told[before:]
        raise RecordError(
            "invoices", "id", f"is missing, and {unread[0]}, which tells such invoices apart, is unreadable"
        )
    own = {"kind": "unknown", "has_surrogate_id": not found["id"], "last_listed_at": reading.now}
    return found | own | {"id": found["id"] or surrogate_id(found)}


def surrogate_id(row: Mapping[str, Any]) -> str:
    """A stable id for an invoice that has none: from created, currency, description and amount due, not its status."""
    identity = unknown.as_json([str(row["created"]), row["currency"], row["description"], row["amount_due"]])
    return "surrogate_" + hashlib.sha256(identity.encode()).hexdigest()[:32]


def _row(table: str, fields: Fields, item: Any, reading: Reading) -> Row:
    found = _documented(table, fields, item, reading)
    known = {each.sent_as or name for name, each in fields.items() if each.need is not OURS}
    more = unknown.typed([item], known, reading.include_sensitive)
    return found | {name: column[0] for name, column in more.items()}


def _documented(table: str, fields: Fields, item: Any, reading: Reading) -> Row:
    if type(item) is not dict:
        raise RecordError(table, "result", f"contains {values.kind(item)} instead of an object")
    found: Row = {"account_id": reading.account_id} if "account_id" in fields else {}
    for name, each in fields.items():
        if each.need is not OURS and (reading.include_sensitive or not each.sensitive):
            found[name] = _value(table, name, each, item, reading)
    return found


def _value(table: str, name: str, declared: Field | Group, item: Row, reading: Reading) -> Any:
    """One field converted; `RecordError` when the row cannot do without."""
    need, sent_as = declared.need, declared.sent_as or name
    value, usable = item.get(sent_as), None
    fate: Fate = need.missing if sent_as not in item else need.unreadable
    if sent_as not in item and fate is not Fate.NULL:
        reason = "is missing though it is required"
    elif value is None and need.null is Fate.NULL:
        return [] if isinstance(declared, Group) and declared.many else None
    else:
        try:
            return _converted(table, name, declared, value, reading)
        except ValueError as error:
            reason, usable = str(error), getattr(error, "value", None)
    problem = RecordError(table, sent_as, reason)
    if fate is Fate.REFUSED:
        raise problem
    reading.told.append(Unreadable(problem, {sent_as: value}))
    return usable


def _converted(table: str, name: str, declared: Field | Group, value: Any, reading: Reading) -> Any:
    if isinstance(declared, Field):
        return declared.kind.convert(value, reading.now)
    if declared.many:
        return [_row(f"{table}__{name}", declared.fields, each, reading) for each in values.sequence(value)]
    return _row(table, declared.fields, values.mapping(value), reading)
