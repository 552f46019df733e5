"""Rows of the analytics and of gateways: what is not offered is NULL, and dollars are not taken for cents."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.api.analytics import DIMENSIONS, SUMS
from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.rows import records
from ai_gateway_billing.rows.fields import OURS
from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.rows.tables import ATTRIBUTION, FIELDS, TABLES
from support.constants import ACCOUNT, NOW

USAGE, TAGS = "gateway_usage_hourly", "gateway_usage_tags_hourly"
ALWAYS = {"datetimeHour": "2026-11-22T10:00:00Z", "count": 3}
"""What every account offers."""
OFFERED: dict[str, tuple[Any, str, Any]] = {
    "gateway": ("g", "gateway", "g"),
    "provider": ("openai", "provider", "openai"),
    "model": ("gpt-5", "model", "gpt-5"),
    "wholesale": ("1", "wholesale", True),
    "cachedRequests": (1, "cached_requests", 1),
    "erroredRequests": ("2", "errored_requests", 2),
    "tokensIn": (70, "tokens_in", 70),
    "tokensOut": (7, "tokens_out", 7),
    "cacheReadTokens": (9, "cache_read_tokens", 9),
    "cacheWriteTokens": (4, "cache_write_tokens", 4),
    "cost": ("0.000000003", "cost_usd_estimate", Decimal("0.000000003")),
}
"""What some do: as it is sent, its column, and what stands there."""
GATEWAY = {"id": "g", "workers_ai_billing_mode": "unified", "byok_only": False, "collect_logs": True}
RULE = {
    "limit": Decimal(50),
    "window": 3600,
    "kind": "fixed",
    "model": None,
    "provider": None,
    "has_metadata_scope": False,
}


def made(table: str, item: dict[str, Any]) -> dict[str, Any]:
    return records.documented(table, item, Reading(ACCOUNT, NOW))


def test_whatever_is_asked_for_has_a_column_and_whatever_has_a_column_is_asked_for() -> None:
    declared = {each.sent_as or name for name, each in FIELDS[USAGE].items() if each.need is not OURS}

    assert declared == {"count", *SUMS, *DIMENSIONS} - {"metadataRaw"} == ALWAYS.keys() | OFFERED.keys()


@given(st.sets(st.sampled_from(sorted(OFFERED))), st.sets(st.sampled_from(sorted(OFFERED))))
def test_what_an_account_does_not_offer_or_know_is_null(offered: set[str], unknown: set[str]) -> None:
    item = {**ALWAYS, **{name: OFFERED[name][0] for name in offered}, **dict.fromkeys(unknown)}

    row = made(USAGE, item)

    known = {column: value for name, (_, column, value) in OFFERED.items() if name in offered - unknown}
    assert row == {
        **dict.fromkeys(column for _, column, _ in OFFERED.values()),
        **known,
        "account_id": ACCOUNT,
        "hour": datetime(2026, 11, 22, 10, tzinfo=UTC),
        "requests": 3,
    }


@pytest.mark.parametrize("name", ALWAYS)
@pytest.mark.parametrize("is_sent", [True, False], ids=["null", "missing"])
def test_an_hour_is_no_row_without_its_start_and_its_requests(name: str, is_sent: bool) -> None:
    item = {each: value for each, value in ALWAYS.items() if each != name} | ({name: None} if is_sent else {})

    with pytest.raises(RecordError) as caught:
        made(USAGE, item)

    assert caught.value.field == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("datetimeHour", "2026-11-22T10:30:00Z"),
        ("count", -1),
        ("tokensIn", "-1"),
        ("cachedRequests", Decimal("0.5")),
        ("cost", "a lot"),
        ("cost", Decimal("1e12")),
        ("wholesale", "perhaps"),
        ("model", 5),
    ],
)
def test_an_estimate_that_cannot_be_read_is_refused_and_not_guessed(name: str, value: object) -> None:
    with pytest.raises(RecordError) as caught:
        made(USAGE, {**ALWAYS, name: value})

    assert (caught.value.resource, caught.value.field) == (USAGE, name)


def test_hours_by_tag_are_hours_with_a_tag() -> None:
    own = {"tag", "value", "is_hashed"}

    assert TABLES[TAGS].keys() - TABLES[USAGE].keys() == own
    assert {name: hint for name, hint in TABLES[TAGS].items() if name not in own} == TABLES[USAGE]
    assert TABLES[TAGS]["value"]["nullable"], "requests without the tag have rows, too"


def test_amounts_of_the_estimates_say_dollars_and_those_of_the_bill_do_not() -> None:
    amounts = {
        (table.split("__")[0] in ATTRIBUTION, "_usd" in name, "US dollars" in hint["description"])
        for table, columns in TABLES.items()
        for name, hint in columns.items()
        if hint["data_type"] == "decimal"
    }

    assert amounts == {(True, True, True), (False, False, False)}


def test_a_gateway_has_its_limits_as_rows_of_their_own() -> None:
    row = made("gateways", {**GATEWAY, "spend_limit_rules": [RULE]})

    assert row.pop("spend_limit_rules") == [
        {
            "account_id": ACCOUNT, "limit_usd": Decimal(50), "window_seconds": 3600, "kind": "fixed", "model": None,
            "provider": None, "has_metadata_scope": False,
        }
    ]  # fmt: skip
    assert row == {"account_id": ACCOUNT, "gateway": "g", **{name: GATEWAY[name] for name in [*GATEWAY][1:]}}


def test_a_limit_without_an_amount_is_no_limit_of_nothing() -> None:
    with pytest.raises(RecordError) as caught:
        made("gateways", {**GATEWAY, "spend_limit_rules": [{**RULE, "limit": None}]})

    assert (caught.value.resource, caught.value.field) == ("gateways__spend_limit_rules", "limit")


@pytest.mark.parametrize("name", ["workers_ai_billing_mode", "byok_only", "collect_logs"])
def test_what_is_only_informative_about_a_gateway_costs_no_gateway(name: str) -> None:
    reading = Reading(ACCOUNT, NOW)

    row = records.documented("gateways", {**GATEWAY, name: ["odd"], "spend_limit_rules": []}, reading)

    assert (row["gateway"], row[name]) == ("g", None)
    assert [told.error.field for told in reading.told] == [name]
