"""Tables about the loads themselves: how they went, what broke the contract, which fields nobody had documented.

What they say of earlier loads comes from the destination, so that it belongs to the rows that are there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ai_gateway_billing.outcome import Outcomes, Quarantined

from . import unknown
from .fields import ACCOUNT_KEY, DELETED, OURS, TEXT, TIME, Columns, Field, Fields, columns
from .records import Row

_KEY = {"primary_key": True}
_MAYBE = {"nullable": True}

FIELDS: dict[str, Fields] = {
    "load_status": {
        "account_id": ACCOUNT_KEY,
        "resource": Field(TEXT, OURS, "Name of the resource", hints=_KEY),
        "status": Field(TEXT, OURS, "How the last attempt ended"),
        "error": Field(TEXT, OURS, "Error message", hints=_MAYBE),
        "skipped": Field(TEXT, OURS, "Why there was nothing to read", hints=_MAYBE),
        "last_attempt_at": Field(TIME, OURS, "When it was last tried, UTC"),
        "last_success_at": Field(TIME, OURS, "When it last succeeded, UTC", hints=_MAYBE),
        "last_listed_at": Field(
            TIME, OURS, "The last load that the API listed the account to, or let read it if named, UTC", hints=_MAYBE
        ),
    },
    "quarantine": {
        "account_id": ACCOUNT_KEY,
        "resource": Field(TEXT, OURS, "Name of the resource", hints=_KEY),
        "field": Field(TEXT, OURS, "The field that does not match the documentation", hints=_KEY),
        "reason": Field(TEXT, OURS, "What is wrong with it", hints=_KEY),
        "payload": Field(
            TEXT,
            OURS,
            "The item as JSON, without anything sensitive; the field alone when its row was loaded",
            hints=_KEY,
        ),
        "first_seen_at": Field(TIME, OURS, "When it was first seen, UTC"),
        "last_seen_at": Field(TIME, OURS, "When it was last seen, UTC"),
        "withdrawn": DELETED,
    },
    "unknown_fields": {
        "table_name": Field(TEXT, OURS, "The raw table that has it as a column", hints=_KEY),
        "field": Field(TEXT, OURS, "The column", hints=_KEY),
        "data_type": Field(TEXT, OURS, "The type that it was given"),
        "first_seen_at": Field(TIME, OURS, "When it was first seen, UTC"),
    },
}
"""Their fields, all of them ours."""

COLUMNS: dict[str, Columns] = {table: columns(fields) for table, fields in FIELDS.items()}

_PAYLOAD_LIMIT = 10_000
"""Characters: far more than any documented item has."""

Before = Iterable[Sequence[Any]]
"""The table's rows by now, by the columns above without `withdrawn`."""


def load_status(outcomes: Outcomes, listed: Collection[str], before: Before, now: datetime) -> list[Row]:
    """A row per account and resource that was read or, of listed accounts, has ever been.

    That an account is listed says nothing of its resources. A failure leaves the time of the last success.
    """
    listed, names = set(listed), list(COLUMNS["load_status"])
    known: dict[tuple[str, str], Row] = {(row[0], row[1]): dict(zip(names, row, strict=True)) for row in before}
    rows = {key: row for key, row in known.items() if key[0] in listed}
    for key, outcome in outcomes.of.items():
        was = known.get(key, {})
        rows[key] = {
            "account_id": key[0],
            "resource": key[1],
            "status": outcome.status,
            "error": None if outcome.error is None else str(outcome.error),
            "skipped": outcome.skipped,
            "last_attempt_at": now,
            "last_success_at": was.get("last_success_at") if outcome.error else now,
            "last_listed_at": was.get("last_listed_at"),
        }
    return [row | ({"last_listed_at": now} if row["account_id"] in listed else {}) for row in rows.values()]


def quarantine(outcomes: Outcomes, before: Before, now: datetime) -> list[Row]:
    """A row per item that was refused now, and one that takes out each item of what was read without a fault."""
    first_seen = {Quarantined(*row[:5]): row[5] for row in before}
    refused = dict.fromkeys(map(_short, outcomes.quarantined))
    well = {key for key, outcome in outcomes.of.items() if not outcome.error}
    released = [each for each in first_seen if each not in refused and _is_of(each, well)]
    return [{**each._asdict(), "first_seen_at": first_seen.get(each, now), "last_seen_at": now} for each in refused] + [
        {**each._asdict(), "first_seen_at": first_seen[each], "last_seen_at": now, "withdrawn": True}
        for each in released
    ]


def unknown_fields(found: Mapping[tuple[str, str], str], before: Before, now: datetime) -> list[Row]:
    """A row per field that came for the first time. `found`: the type of each, by table and column."""
    known = {(row[0], row[1]) for row in before}
    return [
        {"table_name": table, "field": name, "data_type": kind, "first_seen_at": now}
        for (table, name), kind in sorted(found.items())
        if (table, name) not in known
    ]


def _is_of(item: Quarantined, keys: Collection[tuple[str, str]]) -> bool:
    """Whether it belongs to one of these accounts' resources, or to a table below it."""
    return any(account_id == item.account_id and item.resource.startswith(name) for account_id, name in keys)


def _short(item: Quarantined) -> Quarantined:
    """A payload that is not too long for a key, told apart from others that begin like it."""
    if len(item.payload) <= _PAYLOAD_LIMIT:
        return item
    return item._replace(payload=unknown.shortened(item.payload[:_PAYLOAD_LIMIT], item.payload))
