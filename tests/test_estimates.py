"""Attribution from the API to the published file: what was read is there, and nothing is invented, lost or leaked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ai_gateway_billing.attribution.hours import LOOKBACK_DAYS
from ai_gateway_billing.rows.tables import ATTRIBUTION
from ai_gateway_billing.simulator.analytics import grouped
from ai_gateway_billing.simulator.gateways import SECRETS
from support.bench import STEPS, Bench, as_sent
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY

ON = {"attribution": True}
BY = ("datetimeHour", "gateway", "provider", "model", "wholesale")
Hours = dict[datetime, list[tuple[Any, ...]]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path, start=f"{TODAY - DAY:%Y-%m-%d}")
    bench.attribution = dict(ON)
    bench.with_tables().account()
    yield bench
    bench.close()


def add(bench: Bench, at: datetime, gateway: str = "g", account: str = ACCOUNT, **fields: Any) -> None:
    bench.world.accounts[account].requests.add(at, gateway, "openai", "gpt-5", **{"nano_usd": 10**9, **fields})


def stored(bench: Bench, account: str = ACCOUNT) -> Hours:
    query = (
        "select hour, gateway, provider, model, wholesale, requests, tokens_in, cost_usd_estimate "
        "from {raw}.gateway_usage_hourly where account_id = $1 order by all"
    )
    found: Hours = {}
    for hour, *rest in bench.rows(query, account):
        found.setdefault(hour, []).append(tuple(rest))
    return found


def told(bench: Bench, start: datetime, account: str = ACCOUNT) -> Hours:
    """What the API says now of every hour from `start` on."""
    now = int(bench.true_now.timestamp())
    groups = bench.world.accounts[account].requests.groups(int(start.timestamp()), now + 3600, now)
    found: Hours = {}
    for row in as_sent(grouped(groups, BY)):
        hour, *rest = (row["dimensions"][name] for name in BY)
        key = (*rest, row["count"], row["sum"]["tokensIn"], Decimal(row["sum"]["cost"]))
        found.setdefault(datetime.fromisoformat(hour), []).append(key)
    return {hour: sorted(rows) for hour, rows in found.items()}


# --- off -------------------------------------------------------------------------------------------------------------


def test_with_attribution_off_not_one_request_more_is_sent_and_no_table_made(tmp_path: Path) -> None:
    sent = {}
    for name, attribution in (("off", {}), ("on", ON)):
        bench = Bench(tmp_path / name, start=f"{TODAY:%Y-%m-%d}")
        bench.database.parent.mkdir()
        bench.account()
        bench.attribution = dict(attribution)
        bench.load_well()
        sent[name] = [(each.method, each.endpoint) for each in bench.simulator.requests]
        assert [bench.has(table) for table in ATTRIBUTION] == [name == "on"] * 4
        bench.close()

    more = {("POST", "graphql"), ("GET", "gateways")}
    assert not set(sent["off"]) & more
    assert sorted(each for each in sent["on"] if each not in more) == sorted(sent["off"])
    assert {method for method, _ in sent["off"]} == {"GET"}


# --- hours -----------------------------------------------------------------------------------------------------------


def test_the_first_load_takes_the_31_days_that_there_are(bench: Bench) -> None:
    for days in (1, 30):
        add(bench, NOW - days * DAY)

    bench.load_well()

    assert stored(bench) == told(bench, NOW - 31 * DAY)
    assert len(stored(bench)) == 2


def test_restated_hours_are_replaced_and_those_that_are_gone_go(bench: Bench) -> None:
    for minutes in (0, 1):
        add(bench, TODAY - DAY + timedelta(minutes=minutes), f"g{minutes}")
    add(bench, TODAY - 2 * DAY)
    bench.load_well()
    book = bench.world.accounts[ACCOUNT].requests
    book.restate(TODAY - DAY, 7 * 10**9)
    book.forget(TODAY - DAY + timedelta(minutes=1))
    book.forget(TODAY - 2 * DAY)
    bench.now += HOUR

    bench.load_well()

    assert stored(bench) == told(bench, NOW - 31 * DAY)
    assert [[row[-1] for row in rows] for rows in stored(bench).values()] == [[Decimal(7)]]


@pytest.mark.thorough
def test_what_is_restated_later_than_four_days_stays_as_it_was_read(bench: Bench) -> None:
    add(bench, TODAY - 6 * DAY)
    add(bench, TODAY)
    bench.load_well()
    before = stored(bench)
    bench.world.accounts[ACCOUNT].requests.restate(TODAY - 6 * DAY, 7)

    bench.load_well()

    assert stored(bench) == before


@pytest.mark.thorough
def test_hours_that_can_no_longer_be_read_are_said_once_and_kept(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.load_well()
    bench.now += 40 * DAY
    with caplog.at_level(logging.WARNING):
        bench.load_well()
        bench.load_well()

    (gap,) = bench.rows("select resource, gap_start, gap_end, noticed_at from {raw}.gateway_usage_gaps")
    read_until, oldest = NOW.replace(minute=0), bench.now.replace(minute=0) - 31 * DAY + HOUR
    assert gap == ("gateway_usage_hourly", read_until, oldest, bench.now)
    (said,) = [record for record in caplog.messages if "no longer have them" in record]
    assert f"lacks the hours from {read_until:%Y-%m-%d %H:%M} to {oldest:%Y-%m-%d %H:%M} (UTC)" in said


@pytest.mark.thorough
def test_a_load_that_fails_for_long_loses_only_what_is_too_old(bench: Bench) -> None:
    add(bench, TODAY + 2 * DAY)
    bench.load_well()
    bench.faults.add("graphql_error", endpoint="graphql", message="unknown field")
    bench.now += 20 * DAY
    assert bench.load().exit_code == 4
    bench.faults.clear()
    bench.now += DAY

    bench.load_well()

    assert list(stored(bench)) == [TODAY + 2 * DAY]
    assert bench.rows("from {raw}.gateway_usage_gaps") == []


def test_one_accounts_failure_is_no_other_accounts(bench: Bench) -> None:
    bench.account(OTHER)
    for account in (ACCOUNT, OTHER):
        add(bench, NOW - DAY, account=account)
        bench.world.accounts[account].gateways.put("g")
    bench.faults.add(403, endpoint="gateways", account_id=OTHER)

    result = bench.load()

    assert set(result.outcomes.failures()) == {(OTHER, "gateways")}
    assert stored(bench, OTHER) == told(bench, NOW - 31 * DAY, OTHER)


@pytest.mark.thorough
def test_random_accounts_hold_what_the_api_said_of_each_hour_when_it_was_read(bench: Bench) -> None:
    """Requests come and go, estimates change, months pass, processes die: a model of a few lines keeps up."""
    dice = Random(20261126)
    model: Hours = {}
    seen: list[datetime] = []
    read_until = None
    for turn in range(7):
        for _ in range(dice.randrange(1, 12)):
            seen.append(bench.now - timedelta(minutes=dice.randrange(30 * 24 * 60)))
            add(bench, seen[-1], dice.choice("ab"), wholesale=dice.random() < 0.7, nano_usd=dice.randrange(10**12))
        for _ in range(2):
            bench.world.accounts[ACCOUNT].requests.restate(dice.choice(seen), dice.randrange(10**12))
        if turn in (2, 5):
            bench.die(dice.choice(sorted(STEPS)))
        bench.load_well()

        midnight = bench.now.replace(hour=0, minute=0)
        oldest = bench.now.replace(minute=0) - 31 * DAY + HOUR
        start = oldest if read_until is None else max(oldest, min(read_until, midnight - LOOKBACK_DAYS * DAY))
        read_until = bench.now.replace(minute=0)
        model = {hour: rows for hour, rows in model.items() if hour < start} | told(bench, start)
        assert stored(bench) == model
        bench.now += dice.choice([HOUR, DAY, 6 * DAY, 20 * DAY])


# --- permissions -----------------------------------------------------------------------------------------------------


def test_without_the_permission_nothing_is_invented(bench: Bench) -> None:
    add(bench, NOW - DAY)
    bench.world.tokens[bench.token].analytics = "silent"

    bench.load_well()

    assert stored(bench) == {}


def test_a_permission_that_was_lost_takes_no_stored_row(bench: Bench) -> None:
    add(bench, NOW - DAY)
    bench.load_well()
    before = stored(bench)
    bench.world.tokens[bench.token].analytics = "silent"

    result = bench.load()

    assert stored(bench) == before != {}
    (error,) = result.outcomes.failures().values()
    assert "may have lost the permission" in str(error)


def test_a_refusal_leaves_billing_loaded(bench: Bench) -> None:
    bench.world.tokens[bench.token].analytics = "refused"

    result = bench.load()

    assert {resource for _, resource in result.outcomes.failures()} == {"gateway_usage_hourly"}
    assert result.exit_code == 4


# --- what the schema offers ------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_what_the_schema_offered_is_remembered_for_when_it_cannot_be_asked(bench: Bench) -> None:
    bench.world.analytics_fields = ("cost", "datetimeHour", "gateway")
    add(bench, NOW - DAY)
    bench.load_well()
    add(bench, NOW - DAY, "new")
    bench.faults.add("graphql_error", endpoint="graphql", nth={1, 2}, message="unknown field")

    bench.load_well()

    assert [row[0] for row in stored(bench)[(NOW - DAY).replace(minute=0)]] == ["g", "new"]


@pytest.mark.thorough
def test_without_hours_nothing_can_be_read_and_that_is_said(bench: Bench) -> None:
    bench.world.analytics_fields = ("cost", "gateway")

    (error,) = bench.load().outcomes.failures().values()

    assert "do not offer `datetimeHour`" in str(error)


# --- tags ------------------------------------------------------------------------------------------------------------


def tags(bench: Bench) -> list[tuple[Any, ...]]:
    return bench.rows("select tag, value, requests from {raw}.gateway_usage_tags_hourly order by all nulls last")


def test_tags_are_read_only_when_they_are_named(bench: Bench) -> None:
    add(bench, NOW - DAY, metadata='{"team": "search", "user": "anna"}')
    bench.load_well()
    assert tags(bench) == []

    bench.attribution = {**ON, "attribution_tags": ("team",)}
    bench.load_well()

    assert tags(bench) == [("team", "search", 1)]
    assert b"anna" not in bench.database.read_bytes()


def test_hashed_tags_leave_no_value_behind(bench: Bench) -> None:
    bench.attribution = {**ON, "attribution_tags": ("user",)}
    add(bench, NOW - DAY, metadata='{"user": "anna-maria"}')
    add(bench, NOW - 9 * DAY, metadata="{broken")
    bench.load_well()
    bench.attribution["attribution_tags_hash"] = True

    bench.load_well()

    (first, other) = tags(bench)
    assert len(first[1]) == 32
    assert other[1:] == (None, 1)
    assert bench.rows("select distinct is_hashed from {raw}.gateway_usage_tags_hourly") == [(True,)]


def test_where_requests_have_no_metadata_that_is_no_failure(bench: Bench) -> None:
    bench.world.analytics_fields = [each for each in bench.world.analytics_fields if each != "metadataRaw"]
    bench.attribution = {**ON, "attribution_tags": ("team",)}

    result = bench.load_well()

    assert result.outcomes.of[ACCOUNT, "gateway_usage_tags_hourly"].skipped


# --- gateways --------------------------------------------------------------------------------------------------------


def test_gateways_keep_their_versions_and_nothing_that_opens_anything(bench: Bench, tmp_path: Path) -> None:
    gateways = bench.world.accounts[ACCOUNT].gateways
    gateways.put("a", [{"limit": Decimal("2.5"), "window": 60, "type": "fixed", "secret": "rule0123456789"}])
    gateways.put("b", byok_only={"authorization": "nested0123456789"})
    bench.load_well()
    gateways.put("a", [{"limit": 3, "window": 60, "type": "fixed"}])
    gateways.remove("b")
    bench.now += DAY

    bench.load_well()

    versions = "select gateway, limit_usd, _dlt_valid_to is null from {raw}.gateways "
    limits = (
        "left join {raw}.gateways__spend_limit_rules as rule on rule._dlt_parent_id = gateways._dlt_id order by all"
    )
    assert bench.rows(versions + limits) == [("a", Decimal("2.5"), False), ("a", Decimal(3), True), ("b", None, False)]
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    secrets = [value for value in json.dumps(SECRETS).split('"') if "sim" in value] + ["rule0123456789", "nested0123"]
    assert len(secrets) > 4
    assert [secret for secret in secrets if secret.encode() in kept] == []
