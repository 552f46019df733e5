"""What the source takes: days, tags, groupings, and which resources belong together. Nothing is asked of any API."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from dlt.extract.exceptions import ResourceExtractionError

from ai_gateway_billing import ai_gateway_billing
from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows import bookkeeping
from ai_gateway_billing.source import checked_tags, first_day
from support.constants import ACCOUNT, DAY, NOW, TODAY, TOKEN

BOOKS = set(bookkeeping.FIELDS)


@pytest.mark.parametrize(
    ("start", "day"),
    [("2025-08-01", 1), (date(2025, 8, 2), 2), ("20250803", 3)],
)
def test_a_start_is_midnight_in_utc(start: str | date, day: int) -> None:
    assert first_day(start, NOW) == datetime(2025, 8, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("yesterday", "is not a date"),
        ("2026-02-30", "is not a date"),
        ("2026-11-01T00:00", "is not a date"),
        ("1999-12-31", "when there was nothing to bill"),
        (f"{TODAY + DAY:%Y-%m-%d}", "is in the future: today is 2026-11-22"),
    ],
)
def test_a_day_that_cannot_begin_a_history_is_refused(start: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        first_day(start, NOW)


def test_today_can_begin_a_history_and_without_a_clock_any_day() -> None:
    assert first_day(TODAY.date(), TODAY) == TODAY
    assert first_day(TODAY.date() + DAY, None) == TODAY + DAY


@pytest.mark.parametrize(
    ("names", "tags"),
    [
        (None, ()),
        ([], ()),
        ("team", ("team",)),
        (" team, user ,team", ("team", "user")),
        (["user", "team"], ("user", "team")),
        ("x" * 100, ("x" * 100,)),
    ],
)
def test_tags_are_read_as_people_write_them(names: str | list[str] | None, tags: tuple[str, ...]) -> None:
    assert checked_tags(names) == tags


@pytest.mark.parametrize("names", ["team,", [""], "x" * 101, "a\nb", ["a\x00"]])
def test_what_is_no_key_of_metadata_is_refused(names: str | list[str]) -> None:
    with pytest.raises(SettingsError, match="which is no key of metadata"):
        checked_tags(names)


@pytest.mark.parametrize(
    ("chosen", "selected"),
    [
        (["invoices"], {"invoices"}),
        (["usage_daily"], {"usage_daily", "usage_coverage"}),
        (["usage_hourly", "invoices"], {"usage_hourly", "usage_coverage", "invoices"}),
        (["gateway_usage_hourly"], {"gateway_usage_hourly", "gateway_usage_gaps"}),
        (["gateway_usage_tags_hourly"], {"gateway_usage_tags_hourly", "gateway_usage_gaps"}),
        (["gateways"], {"gateways"}),
    ],
)
def test_what_belongs_to_a_resource_is_selected_with_it(chosen: list[str], selected: set[str]) -> None:
    made = ai_gateway_billing(ACCOUNT, api_token=TOKEN, attribution=True, attribution_tags="team")

    assert set(made.with_resources(*chosen).selected_resources) == selected | BOOKS
    assert set(made.with_resources("invoices").with_resources(*chosen).selected_resources) == selected | BOOKS
    assert not made.with_resources().selected_resources


def test_without_attribution_nothing_of_it_is_there() -> None:
    made = ai_gateway_billing(ACCOUNT, api_token=TOKEN)

    assert not {name for name in made.resources if name.startswith("gateway")}


def test_a_token_is_asked_for_only_when_something_is_read() -> None:
    """So that a module which makes the source can be imported anywhere."""
    found = ai_gateway_billing(ACCOUNT)

    with pytest.raises(ResourceExtractionError, match="CLOUDFLARE_API_TOKEN"):
        list(found)


@pytest.mark.parametrize(
    "settings",
    [
        {"start": "yesterday"},
        {"start": "2999-01-01"},
        {"base_url": "http://example.com"},
        {"grouping": "week"},
        {"backfill": (date(2026, 11, 2), date(2026, 11, 1))},
    ],
)
def test_impossible_settings_are_refused_before_a_request(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        ai_gateway_billing(ACCOUNT, api_token=TOKEN, **settings)
