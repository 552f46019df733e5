"""Column hints of every raw table: type, nullability and meaning. Plain data, so that readers need no dlt.

Amounts are DECIMAL(38,18) in the unit that the API uses: cents for all money; `aggregated_value` has no documented
unit (cents most likely), `quantity` and `pricing__unit_amount_decimal` have none that can be trusted.
"""

from typing import Any

Columns = dict[str, dict[str, Any]]

MONEY = {"data_type": "decimal", "precision": 38, "scale": 18}
TEXT = {"data_type": "text"}
TIME = {"data_type": "timestamp"}
FLAG = {"data_type": "bool"}
COUNT = {"data_type": "bigint"}


def _column(kind: dict[str, Any], description: str, required: bool = False, **hints: Any) -> dict[str, Any]:
    return {**kind, "nullable": not required, "description": description, **hints}


ACCOUNT = _column(TEXT, "Cloudflare account id, 32 hex characters", True)
WITHDRAWN = _column(FLAG, "Always NULL here: marks, while loading, what the API no longer gives")


def _usage(bucket: str) -> Columns:
    return {
        "account_id": {**ACCOUNT, "merge_key": True},
        "bucket_start": _column(TIME, f"UTC start of the {bucket} that the bucket falls in", True, merge_key=True),
        "start_time": _column(TIME, "Start of the bucket, inclusive, UTC", True),
        "end_time": _column(TIME, "End of the bucket, exclusive, UTC", True),
        "id": _column(TEXT, "The API's id of the bucket; opaque, not promised to be stable", True),
        "aggregated_value": _column(MONEY, "Usage in the bucket as sent; unit undocumented, most likely cents", True),
        "withdrawn": {**WITHDRAWN, "hard_delete": True},
    }


INVOICES: Columns = {
    "account_id": {**ACCOUNT, "primary_key": True},
    "id": _column(TEXT, "The API's invoice id, or a stable surrogate when it gives none", True, primary_key=True),
    "created": _column(TIME, "When the invoice was made, UTC"),
    "status": _column(TEXT, "draft, open, paid, uncollectible, void, or what the API adds"),
    "currency": _column(TEXT, "Currency code as sent; case varies", True),
    "amount_due": _column(MONEY, "Cents", True),
    "amount_paid": _column(MONEY, "Cents", True),
    "amount_remaining": _column(MONEY, "Cents", True),
    "attempt_count": _column(COUNT, "How often payment was tried"),
    "attempted": _column(FLAG, "Whether payment was tried"),
    "auto_advance": _column(FLAG, "Whether collection goes on by itself"),
    "created_by": _column(TEXT, "Who or what made it; may name a person"),
    "description": _column(TEXT, "Free text"),
    "invoice_origin": _column(TEXT, "Where it came from; values undocumented"),
    "has_surrogate_id": _column(FLAG, "True when the API gave no id", True),
    "last_listed_at": _column(TIME, "The last load that still found it in the invoice history, UTC", True),
}

SENSITIVE_INVOICE: Columns = {"invoice_pdf": _column(TEXT, "Link that opens for whoever holds it")}

INVOICE_PREVIEW: Columns = {
    "account_id": ACCOUNT,
    "id": _column(TEXT, "The API's id of the preview", True),
    "status": _column(TEXT, "draft, open, paid, uncollectible, void, or what the API adds", True),
    "currency": _column(TEXT, "Currency code as sent", True),
    "amount_due": _column(MONEY, "Cents, month to date; not what a card will pay", True),
    "amount_paid": _column(MONEY, "Cents", True),
    "amount_remaining": _column(MONEY, "Cents", True),
    "period_start": _column(TIME, "Start of the billing period, inclusive, UTC", True),
    "period_end": _column(TIME, "End of the billing period, exclusive, UTC", True),
    "withdrawn": WITHDRAWN,
}

PREVIEW_LINES: Columns = {
    "account_id": ACCOUNT,
    "description": _column(TEXT, "Free text that names the model"),
    "amount": _column(MONEY, "Cents, gross: before the credits of the line", True),
    "currency": _column(TEXT, "Currency code as sent", True),
    "quantity": _column(MONEY, "As sent; not promised to be tokens", True),
    "period__start": _column(TIME, "Start of the line's period, inclusive, UTC", True),
    "period__end": _column(TIME, "End of the line's period, exclusive, UTC", True),
    "pricing__unit_amount_decimal": _column(TEXT, "Unit price as sent; unit unknown, so kept as text"),
}

PREVIEW_CREDITS: Columns = {
    "account_id": ACCOUNT,
    "amount": _column(MONEY, "Cents, positive: what reduces the line", True),
    "type": _column(TEXT, "Kind of credit", True),
    "credit_balance_transaction": _column(TEXT, "The API's id of the drawdown"),
    "discount": _column(TEXT, "The API's id of the discount"),
}

_TOPUP: Columns = {
    "amount": _column(MONEY, "Cents bought by an automatic top-up, before the fee; NULL or 0 when unset"),
    "threshold": _column(MONEY, "Cents below which an automatic top-up starts; NULL or 0 when unset"),
    "disabled_reason": _column(TEXT, "Why automatic top-up is off"),
    "error": _column(TEXT, "The last failure's words"),
    "last_failed_at": _column(TIME, "When an automatic top-up last failed, UTC"),
}

TOPUP_CONFIG: Columns = {"account_id": ACCOUNT, **_TOPUP, "withdrawn": WITHDRAWN}

CREDIT_BALANCE: Columns = {
    "account_id": ACCOUNT,
    "balance": _column(MONEY, "Cents of prepaid credit, fractional; may be negative", True),
    "first_topup_success": _column(FLAG, "Whether a first top-up went through"),
    "has_default_payment_method": _column(FLAG, "Whether a card is on file", True),
    **{f"topup_config__{name}": hint for name, hint in _TOPUP.items()},
    "withdrawn": WITHDRAWN,
}

SENSITIVE_BALANCE: Columns = {
    "payment_method__brand": _column(TEXT, "Card brand"),
    "payment_method__last4": _column(TEXT, "Last four digits of the card"),
}

SPENDING_LIMIT: Columns = {
    "account_id": ACCOUNT,
    "enabled": _column(FLAG, "Whether the limit is in force", True),
    "config__amount": _column(MONEY, "Cents; without meaning while the limit is not enabled"),
    "config__duration": _column(TEXT, "daily, weekly or monthly"),
    "config__strategy": _column(TEXT, "fixed or sliding"),
    "withdrawn": WITHDRAWN,
}

USAGE_COVERAGE: Columns = {
    "account_id": {**ACCOUNT, "primary_key": True},
    "grouping": _column(TEXT, "hour or day", True, primary_key=True),
    "day": _column({"data_type": "date"}, "UTC day", True, primary_key=True),
    "read_until": _column(TIME, "Until when the day's closed buckets have been read completely, UTC", True),
    "read_at": _column(TIME, "When the day was last read, UTC", True),
}

USAGE_HOURLY = _usage("hour")
USAGE_DAILY = _usage("day")

TABLES: dict[str, Columns] = {
    "usage_hourly": USAGE_HOURLY,
    "usage_daily": USAGE_DAILY,
    "usage_coverage": USAGE_COVERAGE,
    "invoices": INVOICES,
    "invoice_preview": INVOICE_PREVIEW,
    "invoice_preview__invoice_lines": PREVIEW_LINES,
    "invoice_preview__invoice_lines__pretax_credit_amounts": PREVIEW_CREDITS,
    "credit_balance": CREDIT_BALANCE,
    "topup_config": TOPUP_CONFIG,
    "spending_limit": SPENDING_LIMIT,
}
"""Every raw table, dlt's child tables included."""

RESOURCES = tuple(name for name in TABLES if not name.startswith("invoice_preview__"))
"""The resources of the source; each is a table of the same name."""
