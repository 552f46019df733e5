"""`aig-billing accounts`: the accounts that the token sees, by id and name."""

from __future__ import annotations

import pytest

from ai_gateway_billing.simulator import Simulator, World
from support.command import aig
from support.constants import ACCOUNT, NOW, OTHER, TOKEN


@pytest.mark.parametrize("names", [{}, {ACCOUNT: "Acme"}, {OTHER: "B", ACCOUNT: 'A "\x1b[31m" B'}])
def test_all_that_the_token_sees_are_listed_and_nothing_is_read_of_them(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str]
) -> None:
    world = World()
    for account_id, name in names.items():
        world.add_account(account_id, name)
    world.add_token(TOKEN)
    simulator = Simulator(world, lambda: NOW)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        listed = aig("accounts", "--base-url", url, "--json").json
        shown = aig("accounts", "--base-url", url).out

    assert {each["id"]: each["name"] for each in listed} == names
    assert [account_id in shown for account_id in names] == [True] * len(names)
    assert "\x1b" not in shown
    assert {request.endpoint for request in simulator.requests} == {"accounts"}
