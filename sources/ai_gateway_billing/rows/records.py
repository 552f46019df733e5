"""A `result` of the API in, rows out: Decimal money, UTC times, strict keys, nothing sensitive unless asked for.

A documented required field that is missing or has another type raises `RecordError`; an optional one that is absent
is NULL. Unknown fields are kept, each as one column.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ai_gateway_billing.errors import RecordError

from . import unknown, values

Row = dict[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """What rows depend on besides the answer: whose it is, when it was read, and whether secrets may stay."""

    account_id: str
    now: datetime
    include_sensitive: bool = False

    def instant(self, value: Any) -> datetime:
        """Unix time of either unit as UTC."""
        return values.instant(value, self.now)


def field(resource: str, item: Mapping[str, Any], name: str, convert: Convert, required: bool = True) -> Any:
    """One field converted; `RecordError` when it is not what the contract says."""
    value = item.get(name)
    if value is None and not required:
        return None
    if name not in item:
        raise RecordError(resource, name, "is missing though it is required")
    try:
        return convert(value)
    except ValueError as error:
        raise RecordError(resource, name, str(error)) from None


def _row(resource: str, item: Any, required: Mapping[str, Convert], optional: Mapping[str, Convert]) -> Row:
    try:
        values.mapping(item)
    except ValueError as error:
        raise RecordError(resource, "result", str(error)) from None
    row = {name: field(resource, item, name, convert) for name, convert in required.items()}
    return row | {name: field(resource, item, name, convert, False) for name, convert in optional.items()}


def _or_null(convert: Convert) -> Convert:
    """For a field that the contract requires and yet lets be null: it must be there."""
    return lambda value: None if value is None else convert(value)


def _extras(item: Mapping[str, Any], known: set[str], reading: Reading) -> Row:
    columns = unknown.typed([item], known, reading.include_sensitive)
    return {name: column[0] for name, column in columns.items()}


AMOUNTS: dict[str, Convert] = {
    "amount_due": values.decimal,
    "amount_paid": values.decimal,
    "amount_remaining": values.decimal,
    "currency": values.text,
}


def invoice(item: Any, reading: Reading) -> Row:
    """One row per invoice, amounts in cents. Source: invoice-history."""
    optional: dict[str, Convert] = {
        "id": values.text,
        "created": reading.instant,
        "status": values.text,
        "attempt_count": values.whole,
        "attempted": values.flag,
        "auto_advance": values.flag,
        "created_by": values.text,
        "description": values.text,
        "invoice_origin": values.text,
    }
    row = _row("invoices", item, AMOUNTS, optional)
    if reading.include_sensitive:
        row["invoice_pdf"] = field("invoices", item, "invoice_pdf", values.text, False)
    known = {*AMOUNTS, *optional, "invoice_pdf"}
    surrogate = not row["id"]
    own: Row = {
        "account_id": reading.account_id,
        "id": surrogate_id(row) if surrogate else row["id"],
        "has_surrogate_id": surrogate,
        "last_listed_at": reading.now,
    }
    return row | _extras(item, known, reading) | own


def surrogate_id(row: Mapping[str, Any]) -> str:
    """A stable id for an invoice that has none: from created, currency, description and amount due, not its status."""
    identity = unknown.as_json([str(row["created"]), row["currency"], row["description"], row["amount_due"]])
    return "surrogate_" + hashlib.sha256(identity.encode()).hexdigest()[:32]


_TOPUP: dict[str, Convert] = {
    "amount": values.decimal,
    "threshold": values.decimal,
    "disabledReason": values.text,
    "error": values.text,
}
_SNAKE = {"disabledReason": "disabled_reason", "lastFailedAt": "last_failed_at"}


def topup_config(result: Any, reading: Reading) -> Row:
    """One row per account: when and by how many cents the credit is topped up by itself. Source: topup/config."""
    return {"account_id": reading.account_id} | _topup("topup_config", result, reading)


def _topup(resource: str, result: Any, reading: Reading) -> Row:
    # Every key is optional: accounts without automatic top-up were seen with zeros, nulls and no keys at all.
    optional = _TOPUP | {"lastFailedAt": reading.instant}
    row = _row(resource, result, {}, optional)
    return {_SNAKE.get(name, name): value for name, value in row.items()} | _extras(result, set(optional), reading)


def credit_balance(result: Any, reading: Reading) -> Row:
    """One row per account: prepaid credit in cents, fractional, maybe negative. Source: credit-balance."""
    required: dict[str, Convert] = {
        "balance": values.decimal,
        "has_default_payment_method": values.flag,
        "topup_config": partial(_topup, "credit_balance", reading=reading),
    }
    optional: dict[str, Convert] = {"first_topup_success": values.flag}
    row = _row("credit_balance", result, required, optional)
    if reading.include_sensitive:
        card = partial(_payment_method, reading=reading)
        row["payment_method"] = field("credit_balance", result, "payment_method", card, False)
    known = {*required, *optional, "payment_method"}
    return {"account_id": reading.account_id} | row | _extras(result, known, reading)


def _payment_method(value: Any, reading: Reading) -> Row:
    known: dict[str, Convert] = {"brand": values.text, "last4": values.text}
    return _row("credit_balance", value, {}, known) | _extras(value, set(known), reading)


def spending_limit(result: Any, reading: Reading) -> Row:
    """One row per account: its spending limit in cents, without meaning unless enabled. Source: spending-limit."""
    inner = {
        "amount": _or_null(values.decimal),
        "duration": _or_null(values.text),
        "strategy": _or_null(values.text),
    }

    def config(value: Any) -> Row:
        return _row("spending_limit", value, inner, {}) | _extras(value, set(inner), reading)

    required: dict[str, Convert] = {"enabled": values.flag, "config": config}
    row = _row("spending_limit", result, required, {})
    return {"account_id": reading.account_id} | row | _extras(result, set(required), reading)


def invoice_preview(result: Any, reading: Reading) -> Row:
    """One row per account: the running month's statement in cents, its lines gross. Source: invoice-preview."""
    required: dict[str, Convert] = {
        "id": values.text,
        "status": values.text,
        "period_start": reading.instant,
        "period_end": reading.instant,
        "invoice_lines": lambda lines: [_line(line, reading) for line in values.sequence(lines)],
        **AMOUNTS,
    }
    row = _row("invoice_preview", result, required, {})
    return {"account_id": reading.account_id} | row | _extras(result, set(required), reading)


def _line(item: Any, reading: Reading) -> Row:
    resource = "invoice_preview__invoice_lines"

    def period(value: Any) -> Row:
        bounds: dict[str, Convert] = {"start": reading.instant, "end": reading.instant}
        return _row(resource, value, bounds, {}) | _extras(value, set(bounds), reading)

    def pricing(value: Any) -> Row:
        price: dict[str, Convert] = {"unit_amount_decimal": _or_null(_number_as_text)}
        return _row(resource, value, price, {}) | _extras(value, set(price), reading)

    required: dict[str, Convert] = {
        "amount": values.decimal,
        "currency": values.text,
        "quantity": values.decimal,
        "period": period,
        "pricing": pricing,
        "description": _or_null(values.text),
    }
    optional: dict[str, Convert] = {
        "pretax_credit_amounts": lambda items: [_credit(item, reading) for item in values.sequence(items)],
    }
    row = _row(resource, item, required, optional)
    row["pretax_credit_amounts"] = row["pretax_credit_amounts"] or []
    return {"account_id": reading.account_id} | row | _extras(item, {*required, *optional}, reading)


def _number_as_text(value: Any) -> str:
    # Seen as text; a number is kept as it was sent, because its unit is unknown either way.
    return unknown.as_json(value) if values.kind(value) == "number" else values.text(value)


def _credit(item: Any, reading: Reading) -> Row:
    required: dict[str, Convert] = {"amount": values.decimal, "type": values.text}
    optional: dict[str, Convert] = {"credit_balance_transaction": values.text, "discount": values.text}
    row = _row("invoice_preview__invoice_lines__pretax_credit_amounts", item, required, optional)
    return {"account_id": reading.account_id} | row | _extras(item, {*required, *optional}, reading)
