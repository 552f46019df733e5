"""What becomes of a field that is not as documented, worked out from its declaration: for tests and for the docs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ai_gateway_billing.rows import fields
from ai_gateway_billing.rows.fields import Fate, Field, Fields, Group
from ai_gateway_billing.rows.tables import FIELDS

MISSING = object()
VALUES: dict[str, Any] = {"missing": MISSING, "null": None, "0": 0, "empty text": "", "another type": True}
"""Cases that every field can be in."""
KEPT, NO_CASE = "kept", ""
_ODD_FLAG = [1]
_FAR = {"decimal": 10**16, "timestamp": 17, "bigint": 2**70}
CASES = (*VALUES, "out of range")

ENDPOINTS = {
    "usage_hourly": ("usage-history", "history.*"),
    "usage_daily": ("usage-history", "history.*"),
    "invoices": ("invoice-history", "invoices.*"),
    "invoice_preview": ("invoice-preview", ""),
    "invoice_preview__invoice_lines": ("invoice-preview", "invoice_lines.*"),
    "invoice_preview__invoice_lines__pretax_credit_amounts": (
        "invoice-preview",
        "invoice_lines.*.pretax_credit_amounts.*",
    ),
    "credit_balance": ("credit-balance", ""),
    "topup_config": ("topup/config", ""),
    "spending_limit": ("spending-limit", ""),
}
"""Where in which answer the objects stand that become a table's rows."""


class Declared(NamedTuple):
    """A field of an answer: its place in the object that becomes a row, by the API's names, and its columns."""

    table: str
    path: str
    columns: tuple[str, ...]
    what: Field | Group
    is_sensitive: bool

    @property
    def name(self) -> str:
        """The field as the API calls it."""
        return self.path.rpartition(".")[2]

    def value(self, case: str) -> Any:
        """What is sent in this case."""
        kind = "" if isinstance(self.what, Group) else self.what.kind.hint["data_type"]
        if case == "out of range":
            return _FAR.get(kind)
        return _ODD_FLAG if case == "another type" and kind == "bool" else VALUES[case]

    def outcome(self, case: str) -> str:
        """The row's fate: kept as sent, NULL, NULL and told, or refused. Empty where there is no such case."""
        need = self.what.need
        if case == "out of range" and self.value(case) is None:
            return NO_CASE
        if case == "missing":
            return need.missing.value
        if case == "null":
            return need.null.value
        if isinstance(self.what, Field):
            kind = self.what.kind
            if kind is fields.MAYBE_TIME and case == "0":
                return Fate.NULL.value
            if case == "0" and (kind is fields.PRICE or kind.hint["data_type"] in {"decimal", "bigint"}):
                return KEPT
            if case == "empty text" and kind in (fields.TEXT, fields.PRICE):
                return KEPT
        return need.unreadable.value


def declared() -> list[Declared]:
    """Every field that the API sends, table by table."""
    return [
        each for table, found in FIELDS.items() if table in ENDPOINTS for each in _walk(table, found, "", "", False)
    ]


def _walk(table: str, found: Fields, path: str, prefix: str, secret: bool) -> Iterator[Declared]:
    for name, what in found.items():
        if what.need is fields.OURS:
            continue
        here, column, hidden = path + (what.sent_as or name), prefix + name, secret or what.sensitive
        if isinstance(what, Field):
            yield Declared(table, here, (column,), what, hidden)
            continue
        inside = () if what.many else tuple(f"{column}__{inner}" for inner in what.fields)
        yield Declared(table, here, inside, what, hidden)
        if not what.many:
            yield from _walk(table, what.fields, f"{here}.", f"{column}__", hidden)
