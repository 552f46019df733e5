"""Which invoices are the same: an id names one invoice, and one without an id is known by what it says.

It is the same as long as created, currency, description and amount due agree. So one that gets its id later, or is
sent without it once, does not stand twice; and two that agree in all four, and have no id, stay two.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from types import MappingProxyType
from typing import Any, NamedTuple

from ai_gateway_billing.errors import RecordError

from . import invoice_kinds, records, values
from .records import Reading, Row, Unreadable, surrogate_id

_IDENTITY = ("created", "currency", "description", "amount_due")
STORED = ("id", "has_surrogate_id", *_IDENTITY)
"""The columns of a stored invoice that `joined` asks for."""


class Refused(NamedTuple):
    """A raw item that cannot be loaded, and why."""

    error: RecordError
    item: Any


def read(
    items: Sequence[Any], reading: Reading, kinds: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[Row], list[Refused]]:
    """One row per invoice, with its kind as those by key say.

    An id that stands twice with different contents is refused, each time it stands there.
    """
    rows: dict[str, list[tuple[Row, Any]]] = defaultdict(list)
    refused = []
    for item in items:
        try:
            row = records.invoice(item, reading)
            row["kind"] = kinds.get(invoice_kinds.key(item), row["kind"])
        except RecordError as error:
            refused.append(Refused(error, item))
        else:
            rows[row["id"]].append((row, item))
    good: list[Row] = []
    for found in rows.values():
        first, *more = (row for row, _ in found)
        if first["has_surrogate_id"]:
            good += [first, *more]
            _tell_alike(found, reading)
        elif all(row == first for row in more):
            good.append(first)
        else:
            twice = RecordError("invoices", "id", "stands twice in the list, with different contents")
            refused += [Refused(twice, item) for _, item in found]
    return good, refused


def _tell_alike(found: list[tuple[Row, Any]], reading: Reading) -> None:
    if len(found) > 1:
        reason = (
            f"is missing from {len(found)} invoices that are alike in created, currency, description and amount due"
        )
        sent = {name: found[0][1].get(name) for name in ("id", *_IDENTITY)}
        reading.told.append(Unreadable(RecordError("invoices", "id", reason), sent))


def joined(rows: Iterable[Row], stored: Iterable[Sequence[Any]]) -> tuple[list[Row], list[str]]:
    """The rows under the ids that they are stored under, and the surrogates of those that have got an id since.

    `stored`: the account's invoices, by their `STORED` columns.
    """
    rows = list(rows)
    listed = {row["id"] for row in rows if not row["has_surrogate_id"]}
    known, free = set(), defaultdict(list)
    for invoice_id, is_surrogate, *identity in sorted(stored, key=lambda each: (not each[1], each[0])):
        known.add(invoice_id)
        if invoice_id not in listed:
            free[_identity(*identity)].append((invoice_id, is_surrogate))
    found = [row | _stored_as(free[surrogate_id(row)]) if row["has_surrogate_id"] else row for row in rows]
    gone = []
    for row in found:
        waiting = [invoice_id for invoice_id, is_surrogate in free[surrogate_id(row)] if is_surrogate]
        if waiting and row["id"] not in known and not row["has_surrogate_id"]:
            gone.append(waiting[0])
            free[surrogate_id(row)].remove((waiting[0], True))
    return _told_apart(found), gone


def _stored_as(free: list[tuple[str, bool]]) -> Row:
    if not free:
        return {}
    invoice_id, is_surrogate = free.pop(0)
    return {"id": invoice_id, "has_surrogate_id": is_surrogate}


def _identity(created: Any, currency: str, description: str | None, amount_due: Any) -> str:
    created = created and created.astimezone(UTC)
    return surrogate_id(dict(zip(_IDENTITY, (created, currency, description, values.decimal(amount_due)), strict=True)))


def _told_apart(rows: list[Row]) -> list[Row]:
    """The rows, those that still share a surrogate with a number each."""
    used: set[str] = {row["id"] for row in rows if not row["has_surrogate_id"]}
    found = []
    for row in sorted(rows, key=lambda row: row["id"] == surrogate_id(row)):  # stored ones keep what they have
        number, invoice_id = 1, row["id"]
        while row["has_surrogate_id"] and invoice_id in used:
            number += 1
            invoice_id = f"{surrogate_id(row)}_{number}"
        used.add(invoice_id)
        found.append(row | {"id": invoice_id})
    return found
