"""The list of gateways, with the fields that nobody may keep."""

from __future__ import annotations

import httpx
import pytest

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, Simulator, World, demo_world
from support.constants import ACCOUNT, NOW, TOKEN


def listed(world: World, account: str, token: str = TOKEN, query: str = "") -> httpx.Response:
    simulator = Simulator(world, lambda: NOW)
    client = httpx.Client(transport=httpx.MockTransport(simulator.handle))
    url = f"https://api.example.test/client/v4/accounts/{account}/ai-gateway/gateways{query}"
    return client.get(url, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def world() -> World:
    world = World()
    world.add_account(ACCOUNT)
    world.add_token(TOKEN)
    return world


def test_limits_are_in_dollars_and_windows_in_seconds() -> None:
    production, support, experiments = listed(demo_world(), DEMO_ACCOUNT_ID, DEMO_TOKEN).json()["result"]

    assert production["spend_limits"]["rules"][0] == {"limit": 2500, "window": 2_592_000, "type": "sliding"}
    assert support["spend_limits"]["rules"][0]["limit"] == 40.5
    assert (experiments["byok_only"], experiments["workers_ai_billing_mode"]) == (True, "postpaid")


def test_each_gateway_carries_secrets(world: World) -> None:
    world.accounts[ACCOUNT].gateways.put("only")

    (only,) = listed(world, ACCOUNT).json()["result"]

    assert only["otel"][0]["authorization"]
    assert only["otel"][0]["headers"]
    assert only["stripe"]["authorization"]


def test_pages_are_numbered_from_one(world: World) -> None:
    for number in range(7):
        world.accounts[ACCOUNT].gateways.put(f"g{number}")

    pages = [listed(world, ACCOUNT, query=f"?page={page}&per_page=5").json()["result"] for page in (1, 2, 3)]

    assert [[each["id"] for each in page] for page in pages] == [["g0", "g1", "g2", "g3", "g4"], ["g5", "g6"], []]


def test_a_removed_gateway_is_listed_no_more(world: World) -> None:
    world.accounts[ACCOUNT].gateways.put("gone")
    world.accounts[ACCOUNT].gateways.remove("gone")

    assert listed(world, ACCOUNT).json()["result"] == []


def test_a_token_without_the_account_is_refused(world: World) -> None:
    world.add_token("other", reads=())

    assert listed(world, ACCOUNT, "other").status_code == 403
