"""The analytics answer as programs that call them live have seen it, traps included."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, RateLimit, Simulator, World, demo_world
from support.constants import ACCOUNT, DAY, HOUR, NOW, TODAY, TOKEN

DATASET = "aiGatewayRequestsAdaptiveGroups"
AT = TODAY - DAY + timedelta(minutes=5)
GROUP = {"requests": 3, "tokens_in": 7, "nano_usd": 5_202_603_642}


class Api:
    """One account that is filled by hand, asked as a client would."""

    def __init__(self, world: World | None = None, token: str = TOKEN) -> None:
        self.world = world or World()
        if world is None:
            self.world.add_account(ACCOUNT)
            self.world.add_token(TOKEN)
        self.now = NOW
        self.token = token
        self.simulator = Simulator(self.world, lambda: self.now)
        self.client = httpx.Client(transport=httpx.MockTransport(self.simulator.handle))

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.client.post(
            "https://api.example.test/client/v4/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert answer.status_code == 200
        found: dict[str, Any] = json.loads(answer.text, parse_float=Decimal)
        return found

    def rows(
        self,
        start: datetime = TODAY - 2 * DAY,
        end: datetime = NOW,
        *,
        fields: str = "count sum { cost tokensIn }",
        by: str = "datetimeHour gateway",
        limit: int = 10_000,
        account: str = ACCOUNT,
    ) -> list[dict[str, Any]]:
        found = self.asked(start, end, fields=fields, by=by, limit=limit, account=account)
        assert found["errors"] is None
        (only,) = found["data"]["viewer"]["accounts"]
        rows: list[dict[str, Any]] = only[DATASET]
        return rows

    def asked(self, start: datetime, end: datetime, *, fields: str, by: str, limit: int, account: str) -> Any:
        query = (
            "query ($account: string!, $start: Time!, $end: Time!) { viewer { accounts(filter: {accountTag: $account}) "
            f"{{ {DATASET}(limit: {limit}, filter: {{datetime_geq: $start, datetime_lt: $end}}) "
            f"{{ {fields} dimensions {{ {by} }} }} }} }} }}"
        )
        times = {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        return self.ask(query, account=account, **times)

    def error(self, **given: Any) -> str:
        defaults = {
            "start": TODAY - DAY,
            "end": NOW,
            "fields": "count",
            "by": "gateway",
            "limit": 10,
            "account": ACCOUNT,
        }
        found = self.asked(**{**defaults, **given})
        assert found["data"] is None
        return str(found["errors"][0]["message"])


@pytest.fixture
def api() -> Api:
    api = Api()
    api.world.accounts[ACCOUNT].requests.add(AT, "production", "openai", "gpt-5", **GROUP)
    return api


def test_requests_that_share_the_dimensions_are_one_row(api: Api) -> None:
    book = api.world.accounts[ACCOUNT].requests
    book.add(AT + timedelta(minutes=20), "production", "openai", "gpt-5.5", **GROUP)
    book.add(AT + HOUR, "production", "openai", "gpt-5", **GROUP)

    rows = api.rows()

    assert [(row["dimensions"]["datetimeHour"], row["count"]) for row in rows] == [
        (f"{TODAY - DAY:%Y-%m-%dT%H:%M:%SZ}", 6),
        (f"{TODAY - DAY + HOUR:%Y-%m-%dT%H:%M:%SZ}", 3),
    ]
    assert rows[0]["sum"] == {"cost": Decimal("10.405207284"), "tokensIn": 14}


def test_the_answer_has_the_measured_form(api: Api) -> None:
    fields = "count sum { cachedRequests cost erroredRequests tokensIn tokensOut }"

    found = api.asked(TODAY - DAY, NOW, fields=fields, by="gateway", limit=1, account=ACCOUNT)

    (row,) = found["data"]["viewer"]["accounts"][0][DATASET]
    assert found["errors"] is None
    assert [*row["sum"]] == ["cachedRequests", "cost", "erroredRequests", "tokensIn", "tokensOut"]


def test_counts_may_come_as_text(api: Api) -> None:
    api.world.counts_as_text = True

    (row,) = api.rows()

    assert (row["count"], row["sum"]["tokensIn"]) == ("3", "7")


def test_rows_beyond_the_limit_are_left_out_without_a_word(api: Api) -> None:
    api.world.accounts[ACCOUNT].requests.add(AT + HOUR, "production", "openai", "gpt-5", **GROUP)

    assert len(api.rows(limit=1)) == 1
    assert "limit must be at most 10000" in api.error(limit=10_001)


def test_without_ai_gateway_read_there_are_no_rows_and_no_error(api: Api) -> None:
    api.world.tokens[TOKEN].analytics = "silent"

    assert api.rows() == []


def test_without_account_analytics_read_the_answer_is_an_error_with_200(api: Api) -> None:
    api.world.tokens[TOKEN].analytics = "refused"

    assert api.error() == "not authorized for that account"


def test_a_request_counts_139_to_365_seconds_later(api: Api) -> None:
    book = api.world.accounts[ACCOUNT].requests
    for minute in range(60):
        book.add(TODAY + timedelta(hours=9, minutes=minute), f"gateway-{minute}", "openai", "gpt-5")

    def seen(later: int) -> int:
        api.now = TODAY + timedelta(hours=9, minutes=59, seconds=later)
        return len(api.rows(TODAY + 9 * HOUR, TODAY + 10 * HOUR))

    assert seen(139 - 60 * 3) < seen(139) < 60 == seen(366)


def test_estimates_of_the_newest_four_days_change_and_older_ones_do_not() -> None:
    api = Api(demo_world(), DEMO_TOKEN)

    def cost(day: datetime) -> Decimal:
        rows = api.rows(day, day + DAY, by="date", account=DEMO_ACCOUNT_ID)
        return sum((row["sum"]["cost"] for row in rows), Decimal(0))

    new, old = (cost(TODAY - DAY), cost(TODAY - 9 * DAY))
    api.now += DAY

    assert cost(TODAY - DAY) != new
    assert cost(TODAY - 9 * DAY) == old


def test_nothing_older_than_31_days_is_kept(api: Api) -> None:
    assert "older than" in api.error(start=NOW - 32 * DAY)


def test_a_wide_range_is_refused(api: Api) -> None:
    api.world.analytics_max_duration = 86_400

    assert "too large" in api.error(start=TODAY - 2 * DAY)


@pytest.mark.parametrize("field", ["wholesale", "cost"])
def test_what_the_schema_does_not_offer_is_an_error(api: Api, field: str) -> None:
    api.world.analytics_fields = [each for each in api.world.analytics_fields if each != field]
    asked = {"by": field} if field == "wholesale" else {"fields": f"count sum {{ {field} }}"}

    assert f"Cannot query field '{field}'" in api.error(**asked)


def test_the_settings_and_the_types_tell_what_is_offered(api: Api) -> None:
    api.world.analytics_fields = ("cost", "datetimeHour", "gateway")
    settings = f"{DATASET} {{ enabled availableFields maxDuration maxPageSize notOlderThan }}"

    found = api.ask(f'{{ viewer {{ accounts(filter: {{accountTag: "{ACCOUNT}"}}) {{ settings {{ {settings} }} }} }} }}')
    types = api.ask('{ __type(name: "AccountAiGatewayRequestsAdaptiveGroupsSum") { fields { name } } }')

    assert found["data"]["viewer"]["accounts"][0]["settings"][DATASET] == {
        "enabled": True,
        "availableFields": ["count", "sum_cost", "dimensions_datetimeHour", "dimensions_gateway"],
        "maxDuration": 31 * 86_400,
        "maxPageSize": 10_000,
        "notOlderThan": 31 * 86_400,
    }
    assert types["data"]["__type"]["fields"] == [{"name": "cost"}]


@pytest.mark.parametrize("query", ["mutation { x }", "{", "{ viewer { zones { x } } }", ""])
def test_what_is_no_query_of_this_schema_is_refused(api: Api, query: str) -> None:
    found = api.ask(query)

    assert (found["data"], bool(found["errors"])) == (None, True)


def test_the_demo_has_three_gateways_and_two_teams() -> None:
    api = Api(demo_world(), DEMO_TOKEN)

    rows = api.rows(by="gateway metadataRaw wholesale", account=DEMO_ACCOUNT_ID)

    teams = {json.loads(row["dimensions"]["metadataRaw"] or "{}").get("team") for row in rows}
    assert {row["dimensions"]["gateway"] for row in rows} == {"production", "support-bot", "experiments"}
    assert teams == {"search", "growth", None}
    assert {row["dimensions"]["wholesale"] for row in rows} == {True, False}


def test_the_demos_estimate_of_a_day_is_near_its_bill() -> None:
    api = Api(demo_world(), DEMO_TOKEN)
    day = TODAY - 6 * DAY

    rows = api.rows(day, day + DAY, by="wholesale", account=DEMO_ACCOUNT_ID)

    (billed,) = api.world.accounts[DEMO_ACCOUNT_ID].buckets("day", NOW, int(day.timestamp()), int(day.timestamp()) + 1)
    dollars = next(row["sum"]["cost"] for row in rows if row["dimensions"]["wholesale"])
    assert Decimal("0.95") < dollars * 100 / billed.value < Decimal("1.05")


@pytest.mark.parametrize(("data", "rows"), [("null", None), ("half", 1)])
def test_errors_come_with_200_and_without_or_with_half_of_the_data(api: Api, data: str, rows: int | None) -> None:
    api.simulator.faults.add("graphql_error", endpoint="graphql", data=data, times=1)

    found = api.asked(TODAY - DAY, NOW, fields="count", by="gateway", limit=10, account=ACCOUNT)

    assert found["errors"]
    assert (found["data"] and len(found["data"]["viewer"]["accounts"][0][DATASET])) == rows


def test_queries_have_a_budget_of_their_own(api: Api) -> None:
    api.simulator.graphql_limit = RateLimit(quota=1)
    api.rows()

    answer = api.client.post(
        "https://api.example.test/client/v4/graphql", json={}, headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 429
