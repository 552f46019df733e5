"""`aig-billing accounts`: the accounts that the token sees, by id and name, and their aliases."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway_billing.simulator import Simulator, World
from support.command import aig, serving
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


@pytest.mark.parametrize("aliases", ["", f'[sources.ai_gateway_billing.accounts]\n{ACCOUNT.upper()} = "Research"\n'])
def test_aliases_of_the_settings_stand_beside_the_names(aliases: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text(aliases, "utf-8")

    with serving(monkeypatch, ACCOUNT):
        shown, listed = aig("accounts").out, aig("accounts", "--json").json

    assert ("alias" in shown, "Research" in shown) == (bool(aliases), bool(aliases))
    assert [(each["id"], each["alias"]) for each in listed] == [(ACCOUNT, "Research" if aliases else None)]
