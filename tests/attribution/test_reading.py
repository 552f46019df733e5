"""Stored hours are what the analytics say, however their answers are cut, spelled or spread."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing.attribution.hours import Plan, Stretch
from ai_gateway_billing.attribution.reading import Found, HourReader
from ai_gateway_billing.attribution.tags import Tags
from ai_gateway_billing.rows.records import Reading
from support.asking import Asked, asking
from support.constants import ACCOUNT, DAY, HOUR, TODAY

AT = TODAY - DAY + timedelta(minutes=5)
REACH = Plan(Stretch(TODAY - 2 * DAY, TODAY))


@pytest.fixture
def asked() -> Iterator[Asked]:
    with asking() as asked:
        yield asked


def read(asked: Asked, plan: Plan = REACH, tags: Tags | None = None) -> Found:
    analytics = asked.client.analytics
    return HourReader(analytics, Reading(ACCOUNT, asked.now), analytics.offer(ACCOUNT), tags).read(plan)


def test_a_row_has_everything_that_is_offered(asked: Asked) -> None:
    asked.add(AT, requests=5, cached=1, errored=2, tokens_in=70, tokens_out=7, cache_read=9, cache_write=4, nano_usd=3)

    (row,) = read(asked).rows

    assert row == {
        "account_id": ACCOUNT, "hour": TODAY - DAY, "gateway": "g", "provider": "openai", "model": "gpt-5",
        "wholesale": True, "requests": 5, "cached_requests": 1, "errored_requests": 2, "tokens_in": 70, "tokens_out": 7,
        "cache_read_tokens": 9, "cache_write_tokens": 4, "cost_usd_estimate": Decimal("0.000000003"),
    }  # fmt: skip


@pytest.mark.parametrize("missing", ["cost", "wholesale", "gateway", "cacheReadTokens"])
def test_what_is_not_offered_is_null_and_not_zero(asked: Asked, missing: str) -> None:
    asked.world.analytics_fields = [each for each in asked.world.analytics_fields if each != missing]
    asked.add(AT, nano_usd=10**9)
    asked.add(AT + timedelta(minutes=1), "other", nano_usd=10**9, wholesale=False)
    column = {"cost": "cost_usd_estimate", "cacheReadTokens": "cache_read_tokens"}.get(missing, missing)

    rows = read(asked).rows

    assert {row[column] for row in rows} == {None}
    assert sum(row["requests"] for row in rows) == 2


def test_counts_as_text_are_counts(asked: Asked) -> None:
    asked.add(AT, requests=5, tokens_in=70)
    as_numbers = read(asked).rows
    asked.world.counts_as_text = True

    assert read(asked).rows == as_numbers


def test_rows_of_the_same_hour_that_come_in_parts_are_added_up(asked: Asked) -> None:
    """More metadata than one answer holds: the hour is cut at minutes, and its row is one all the same."""
    for minute in range(40):
        asked.add(
            AT + timedelta(minutes=minute), nano_usd=minute, metadata=f'{{"team": "t{minute % 3}", "n": {minute}}}'
        )
    asked.world.analytics_page_size = 4

    rows = read(asked, tags=Tags(("team",))).rows

    assert sorted((row["value"], row["requests"], row["cost_usd_estimate"]) for row in rows) == [
        ("t0", 14, Decimal("0.000000273")),
        ("t1", 13, Decimal("0.000000247")),
        ("t2", 13, Decimal("0.000000260")),
    ]


def test_what_no_part_of_an_hour_tells_stays_unknown(asked: Asked) -> None:
    asked.world.analytics_fields = [each for each in asked.world.analytics_fields if each != "cost"]
    for number in range(2):
        asked.add(AT, metadata=f'{{"team": "t", "n": {number}}}')

    (row,) = read(asked, tags=Tags(("team",))).rows

    assert (row["requests"], row["cost_usd_estimate"]) == (2, None)


def test_a_minute_with_more_groups_than_an_answer_holds_is_a_failure(asked: Asked) -> None:
    for number in range(4):
        asked.add(AT, f"g{number}")
    asked.world.analytics_page_size = 3
    plan = Plan(Stretch(TODAY - DAY, TODAY - DAY + 2 * HOUR))

    found = read(asked, plan)

    assert "more groups in the minute from 2026-11-21 00:05" in str(found.error)
    assert (found.rows, found.hours, found.read_until) == ([], [], TODAY - DAY)


def test_a_window_is_no_wider_than_the_settings_say(asked: Asked) -> None:
    asked.world.analytics_max_duration = 5 * 3600
    asked.add(AT)

    found = read(asked)

    assert (len(found.rows), found.error, found.read_until) == (1, None, TODAY)


def test_a_failed_window_leaves_its_hours_and_the_others_are_read(asked: Asked) -> None:
    asked.world.analytics_max_duration = 86_400
    asked.add(TODAY - 2 * DAY)
    asked.add(TODAY - DAY)
    analytics = asked.client.analytics
    reader = HourReader(analytics, Reading(ACCOUNT, asked.now), analytics.offer(ACCOUNT))
    asked.simulator.faults.add("graphql_error", endpoint="graphql", nth=1, message="unknown field")

    found = reader.read(REACH)

    assert [row["hour"] for row in found.rows] == [TODAY - DAY]
    assert found.hours == Stretch(TODAY - DAY, TODAY).hours()
    assert (str(found.error).endswith("report this."), found.read_until) == (True, TODAY - 2 * DAY)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", '"many"'), ("count", "-1"), ("count", "1.5"), ("tokensIn", "true"), ("cost", '"free"'),
        ("cost", "1e30"), ("datetimeHour", '"2026-11-20T00:30:00Z"'), ("datetimeHour", '"2026-01-01T00:00:00Z"'),
        ("datetimeHour", '"2026-11-22T00:00:00Z"'),
        ("datetimeHour", "null"), ("gateway", "{}"), ("wholesale", '"perhaps"'),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_put_aside_and_its_window_stays_as_it_was(asked: Asked, field: str, value: str) -> None:
    asked.add(AT, metadata='{"user": "anna"}')

    def spoil(body: bytes) -> bytes:
        import re

        return re.sub(rf'"{field}":("[^"]*"|[^,}}]*)'.encode(), f'"{field}":{value}'.encode(), body)

    analytics = asked.client.analytics
    reader = HourReader(analytics, Reading(ACCOUNT, asked.now), analytics.offer(ACCOUNT), Tags(("team",)))
    asked.simulator.faults.add("alter", endpoint="graphql", change=spoil)

    found = reader.read(REACH)

    (rejected,) = found.rejected
    assert (rejected.error.field, found.hours) == (field, [])
    assert "anna" not in rejected.payload


def test_a_wholesale_flag_may_be_a_number_or_text(asked: Asked) -> None:
    asked.add(AT, wholesale=False)
    for value in (b"0", b'"false"', b"false"):
        asked.simulator.faults.clear()
        asked.simulator.faults.add(
            "alter",
            endpoint="graphql",
            change=lambda body, value=value: body.replace(b'"wholesale":false', b'"wholesale":' + value),
        )

        assert [row["wholesale"] for row in read(asked).rows] == [False]


Request = tuple[int, str, bool, int]
requests = st.lists(
    st.tuples(st.integers(0, 2 * 24 * 60 - 1), st.sampled_from("abc"), st.booleans(), st.integers(0, 10**12)),
    max_size=40,
)


@settings(max_examples=settings().max_examples // 8, deadline=None)
@given(requests, st.integers(3, 50), st.sampled_from([3600, 7200, 86_400, 2_678_400]))
def test_hours_equal_what_was_put_in_however_answers_are_cut(
    sent: list[Request], page_size: int, max_duration: int
) -> None:
    """Against sums made by hand from the requests themselves. A minute never holds more groups than a page."""
    expected: dict[tuple[Any, ...], list[int]] = {}
    with asking() as asked:
        asked.world.analytics_page_size, asked.world.analytics_max_duration = page_size, max_duration
        minutes: dict[int, set[tuple[str, bool]]] = {}
        for minute, gateway, wholesale, nano_usd in sent:
            known = minutes.setdefault(minute, set())
            if len(known | {(gateway, wholesale)}) >= page_size:
                continue
            known.add((gateway, wholesale))
            at = TODAY - 2 * DAY + timedelta(minutes=minute)
            asked.add(at, gateway, wholesale=wholesale, nano_usd=nano_usd)
            hour: datetime = at.replace(minute=0)
            expected.setdefault((hour, gateway, wholesale), []).append(nano_usd)

        found = read(asked)

    assert found.error is None
    rows = {(row["hour"], row["gateway"], row["wholesale"]): row for row in found.rows}
    assert len(rows) == len(found.rows)
    assert {key: row["requests"] for key, row in rows.items()} == {key: len(own) for key, own in expected.items()}
    for key, row in rows.items():  # each part was rounded to a double on the way
        assert abs(row["cost_usd_estimate"] - Decimal(sum(expected[key])).scaleb(-9)) < Decimal("1e-9")
