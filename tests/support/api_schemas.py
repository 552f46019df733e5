"""JSON schemas of the API's answers, from its documented contract in our words: the simulator is held to them.

Stricter than the contract where that finds mistakes: no key that it does not name may appear.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these keys and no others."""
    properties = required | (optional or {})
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def many(item: Schema) -> Schema:
    """A list of such items, perhaps empty."""
    return {"type": "array", "items": item}


NOTICE = record({"code": NUMBER, "message": TEXT}, {"error_chain": many(record({"code": NUMBER, "message": TEXT}))})
PAGING = record({"has_more": FLAG, "page": NUMBER, "per_page": NUMBER, "total_count": NUMBER})

TOPUP_CONFIG = record(
    {"threshold": maybe(NUMBER), "amount": maybe(NUMBER)},
    {"disabledReason": maybe(TEXT), "error": maybe(TEXT), "lastFailedAt": maybe(NUMBER)},
)
AMOUNTS = {"amount_due": NUMBER, "amount_paid": NUMBER, "amount_remaining": NUMBER, "currency": TEXT}
INVOICE = record(
    AMOUNTS,
    {
        "id": maybe(TEXT),
        "created": NUMBER,
        "status": maybe(TEXT),
        "attempt_count": NUMBER,
        "attempted": FLAG,
        "auto_advance": maybe(FLAG),
        "created_by": TEXT,
        "description": maybe(TEXT),
        "invoice_origin": TEXT,
        "invoice_pdf": maybe(TEXT),
    },
)
CREDIT = record({"amount": NUMBER, "type": TEXT}, {"credit_balance_transaction": maybe(TEXT), "discount": maybe(TEXT)})
LINE = record(
    {
        "description": maybe(TEXT),
        "amount": NUMBER,
        "currency": TEXT,
        "period": record({"start": NUMBER, "end": NUMBER}),
        "pricing": record({"unit_amount_decimal": maybe(TEXT)}),
        "quantity": NUMBER,
    },
    {"pretax_credit_amounts": many(CREDIT)},
)

RESULTS: dict[str, Schema] = {
    "usage-history": record(
        {
            "history": many(
                record({"id": TEXT, "aggregated_value": NUMBER, "start_time": NUMBER, "end_time": NUMBER})
            )
        }
    ),
    "invoice-history": record({"invoices": many(INVOICE), "pagination": PAGING}),
    "invoice-preview": record(
        {
            "id": TEXT,
            **AMOUNTS,
            "period_start": NUMBER,
            "period_end": NUMBER,
            "status": {"enum": ["draft", "open", "paid", "uncollectible", "void"]},
            "invoice_lines": many(LINE),
        }
    ),
    "credit-balance": record(
        {
            "balance": NUMBER,
            "has_default_payment_method": FLAG,
            "payment_method": maybe(record({}, {"brand": TEXT, "last4": TEXT})),
            "topup_config": TOPUP_CONFIG,
        },
        {"first_topup_success": FLAG},
    ),
    "topup/config": TOPUP_CONFIG,
    "topup/limits": record(
        {"min_cents": {"type": "integer"}, "max_cents": {"type": "integer"}, "currency": TEXT}
    ),
    "spending-limit": record(
        {
            "enabled": FLAG,
            "config": record({"amount": maybe(NUMBER), "duration": maybe(TEXT), "strategy": maybe(TEXT)}),
        }
    ),
    "tokens/verify": record(
        {"id": TEXT, "status": {"enum": ["active", "disabled", "expired"]}},
        {"expires_on": TEXT, "not_before": TEXT},
    ),
    "accounts": many(
        record({"id": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "name": TEXT}, {
            "type": TEXT, "settings": {"type": "object"}, "created_on": TEXT,
        })
    ),
}  # fmt: skip
"""The `result` of each GET endpoint."""

ACCOUNT_PAGING = record(
    {"page": NUMBER, "per_page": NUMBER, "count": NUMBER, "total_count": NUMBER, "total_pages": NUMBER}
)
FAILURE = record(
    {
        "success": {"const": False},
        "errors": many(NOTICE) | {"minItems": 1},
        "result": maybe({"type": "object"}),
    },
    {"messages": many(NOTICE)},
)
"""The whole answer where something went wrong."""


def success(endpoint: str) -> Schema:
    """The whole answer of an endpoint where all went well."""
    info = ACCOUNT_PAGING if endpoint == "accounts" else PAGING
    required = {"success": {"const": True}, "result": RESULTS[endpoint]}
    return record(required | {"errors": many(NOTICE), "messages": many(NOTICE)}, {"result_info": info})
