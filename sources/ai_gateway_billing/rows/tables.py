"""Every field of every raw table, declared once: columns, conversion, documentation and tests follow from here.

Amounts are DECIMAL(38,18) in the unit that the API uses: cents for all money; `aggregated_value` has no documented
unit (cents most likely), `quantity` and `pricing__unit_amount_decimal` have none that can be trusted. What is too large
for the views to add up is refused: usage of 10^10 and more, amounts of 10^12, quantities of 10^16.
"""

from typing import Literal

from . import estimated
from .fields import (
    ACCOUNT,
    ACCOUNT_KEY,
    ACCOUNT_MERGED,
    COUNT,
    CURRENCY,
    DAY,
    DELETED,
    EXPECTED,
    FLAG,
    INFORMATIVE,
    MAYBE_TIME,
    MONEY,
    NULLABLE,
    OPTIONAL,
    OURS,
    PRICE,
    QUANTITY,
    REQUIRED,
    TEXT,
    TIME,
    USAGE,
    WITHDRAWN,
    Columns,
    Field,
    Fields,
    Group,
    columns,
    with_children,
)

DATASET = "ai_gateway_billing"
"""The dlt source's name, and the schema of the raw tables unless somebody chooses another."""

GROUPING_OF: dict[str, Literal["hour", "day"]] = {"usage_hourly": "hour", "usage_daily": "day"}
"""The tables of usage, with what they are grouped by."""

_STATUS = "draft, open, paid, uncollectible, void, or what the API adds"


def _usage(bucket: str) -> Fields:
    start = f"UTC start of the {bucket} that the bucket falls in"
    return {
        "account_id": ACCOUNT_MERGED,
        "bucket_start": Field(TIME, OURS, start, hints={"merge_key": True}),
        "start_time": Field(TIME, REQUIRED, "Start of the bucket, inclusive, UTC"),
        "end_time": Field(TIME, REQUIRED, "End of the bucket, exclusive, UTC"),
        "id": Field(TEXT, REQUIRED, "The API's id of the bucket; opaque, not promised to be stable"),
        "aggregated_value": Field(USAGE, REQUIRED, "Usage in the bucket as sent; unit undocumented, most likely cents"),
        "withdrawn": DELETED,
    }


_COVERAGE: Fields = {
    "account_id": ACCOUNT_KEY,
    "grouping": Field(TEXT, OURS, "hour or day", hints={"primary_key": True}),
    "day": Field(DAY, OURS, "UTC day", hints={"primary_key": True}),
    "read_until": Field(TIME, OURS, "Time up to which the day's closed buckets have been read completely, UTC"),
    "read_at": Field(TIME, OURS, "When the day was last read, UTC"),
}
_INVOICES: Fields = {
    "account_id": ACCOUNT_KEY,
    "id": Field(
        TEXT,
        OPTIONAL,
        "The API's invoice id, or a stable surrogate when it gives none",
        hints={"nullable": False, "primary_key": True},
    ),
    "created": Field(MAYBE_TIME, INFORMATIVE, "When the invoice was created, UTC"),
    "status": Field(TEXT, INFORMATIVE, _STATUS),
    "currency": Field(CURRENCY, REQUIRED, "Currency code as sent; case varies"),
    "amount_due": Field(MONEY, REQUIRED, "Cents"),
    "amount_paid": Field(MONEY, REQUIRED, "Cents"),
    "amount_remaining": Field(MONEY, REQUIRED, "Cents"),
    "attempt_count": Field(COUNT, INFORMATIVE, "How often payment was tried"),
    "attempted": Field(FLAG, INFORMATIVE, "Whether payment was tried"),
    "auto_advance": Field(FLAG, INFORMATIVE, "Whether collection continues automatically"),
    "created_by": Field(TEXT, INFORMATIVE, "Who or what created it; may name a person"),
    "description": Field(TEXT, INFORMATIVE, "Free text"),
    "invoice_origin": Field(TEXT, INFORMATIVE, "Where it came from; values undocumented"),
    "kind": Field(
        TEXT,
        OURS,
        "purchase_auto, purchase_manual (both of credit), usage (bills a month) or unknown, from the API's lists by "
        "`type`; NULL only where no load that reads kinds has listed it",
        hints={"nullable": True},  # no database adds a NOT NULL column to rows that are there
    ),
    "has_surrogate_id": Field(FLAG, OURS, "True when the API gave no id"),
    "last_listed_at": Field(TIME, OURS, "Newest whole list of the account's invoices that counts it as listed, UTC"),
    "withdrawn": DELETED,
    "invoice_pdf": Field(TEXT, INFORMATIVE, "Link that works for anyone who has it", sensitive=True),
}
_CREDITS: Fields = {
    "account_id": ACCOUNT,
    "amount": Field(MONEY, REQUIRED, "Cents, positive: what reduces the line"),
    "type": Field(TEXT, REQUIRED, "Kind of credit"),
    "credit_balance_transaction": Field(TEXT, INFORMATIVE, "The API's id of the drawdown"),
    "discount": Field(TEXT, INFORMATIVE, "The API's id of the discount"),
}
_PERIOD: Fields = {
    "start": Field(TIME, REQUIRED, "Start of the line's period, inclusive, UTC"),
    "end": Field(TIME, REQUIRED, "End of the line's period, exclusive, UTC"),
}
_PRICING: Fields = {
    "unit_amount_decimal": Field(PRICE, EXPECTED, "Unit price as sent; unit unknown, so kept as text"),
}
_LINES: Fields = {
    "account_id": ACCOUNT,
    "description": Field(TEXT, EXPECTED, "Free text that names the model"),
    "amount": Field(MONEY, REQUIRED, "Cents, gross: before the credits of the line"),
    "currency": Field(CURRENCY, REQUIRED, "Currency code as sent"),
    "quantity": Field(QUANTITY, REQUIRED, "As sent; not promised to be tokens"),
    "period": Group(REQUIRED, _PERIOD),
    "pricing": Group(EXPECTED, _PRICING),
    "pretax_credit_amounts": Group(OPTIONAL, _CREDITS, many=True),
}
_PREVIEW: Fields = {
    "account_id": ACCOUNT,
    "id": Field(TEXT, REQUIRED, "The API's id of the preview"),
    "status": Field(TEXT, REQUIRED, _STATUS),
    "currency": Field(CURRENCY, REQUIRED, "Currency code as sent"),
    "amount_due": Field(MONEY, REQUIRED, "Cents, month to date; not what a card will pay"),
    "amount_paid": Field(MONEY, REQUIRED, "Cents"),
    "amount_remaining": Field(MONEY, REQUIRED, "Cents"),
    "period_start": Field(TIME, REQUIRED, "Start of the billing period, inclusive, UTC"),
    "period_end": Field(TIME, REQUIRED, "End of the billing period, exclusive, UTC"),
    "invoice_lines": Group(REQUIRED, _LINES, many=True),
    "withdrawn": WITHDRAWN,
}
# Every key is optional: accounts without automatic top-up were seen with zeros, nulls and no keys at all.
_TOPUP: Fields = {
    "amount": Field(MONEY, OPTIONAL, "Cents bought by an automatic top-up, before the fee; NULL or 0 when unset"),
    "threshold": Field(MONEY, OPTIONAL, "Cents below which an automatic top-up starts; NULL or 0 when unset"),
    "disabled_reason": Field(TEXT, INFORMATIVE, "Why automatic top-up is off", sent_as="disabledReason"),
    "error": Field(TEXT, INFORMATIVE, "Message of the last failure"),
    "last_failed_at": Field(
        MAYBE_TIME, INFORMATIVE, "When an automatic top-up last failed, UTC", sent_as="lastFailedAt"
    ),
}
_CARD: Fields = {
    "brand": Field(TEXT, INFORMATIVE, "Card brand"),
    "last4": Field(TEXT, INFORMATIVE, "Last four digits of the card"),
}
_BALANCE: Fields = {
    "account_id": ACCOUNT,
    "balance": Field(MONEY, REQUIRED, "Cents of prepaid credit, fractional; may be negative"),
    "first_topup_success": Field(FLAG, INFORMATIVE, "Whether a first top-up went through"),
    "has_default_payment_method": Field(FLAG, REQUIRED, "Whether a card is on file"),
    "topup_config": Group(REQUIRED, _TOPUP),
    "payment_method": Group(INFORMATIVE, _CARD, sensitive=True),
    "withdrawn": WITHDRAWN,
}
_LIMIT: Fields = {
    "amount": Field(MONEY, NULLABLE, "Cents; without meaning while the limit is not enabled"),
    "duration": Field(TEXT, EXPECTED, "daily, weekly or monthly"),
    "strategy": Field(TEXT, EXPECTED, "fixed or sliding"),
}
_SPENDING_LIMIT: Fields = {
    "account_id": ACCOUNT,
    "enabled": Field(FLAG, REQUIRED, "Whether the limit is in force"),
    "config": Group(REQUIRED, _LIMIT),
    "withdrawn": WITHDRAWN,
}

_ROOTS: dict[str, Fields] = {
    "usage_hourly": _usage("hour"),
    "usage_daily": _usage("day"),
    "usage_coverage": _COVERAGE,
    "invoices": _INVOICES,
    "invoice_preview": _PREVIEW,
    "credit_balance": _BALANCE,
    "topup_config": {"account_id": ACCOUNT, **_TOPUP, "withdrawn": WITHDRAWN},
    "spending_limit": _SPENDING_LIMIT,
}

RESOURCES = tuple(_ROOTS)
"""The resources of the source; each is a table of the same name."""

ATTRIBUTION = tuple(estimated.TABLES)
"""Those that are there with attribution alone. They hold estimates."""

FIELDS: dict[str, Fields] = {
    table: fields
    for root, declared in (_ROOTS | estimated.TABLES).items()
    for table, fields in with_children(root, declared)
}
"""The fields of every raw table, dlt's child tables included."""

TABLES: dict[str, Columns] = {table: columns(fields) for table, fields in FIELDS.items()}
"""The columns of every raw table."""

SENSITIVE: dict[str, Columns] = {
    table: found for table, fields in FIELDS.items() if (found := columns(fields, sensitive=True))
}
"""The columns that a table has only when they are asked for."""


def below(table: str) -> list[str]:
    """Its child tables, at every level."""
    return [name for name in TABLES if name.startswith(f"{table}__")]


def columns_of(table: str, include_sensitive: bool) -> Columns:
    """The columns that a load gives the table."""
    return TABLES[table] | (SENSITIVE.get(table, {}) if include_sensitive else {})
