"""Of a gateway only a fixed list of fields goes on; everything else of it may open something."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.api.gateways import kept
from ai_gateway_billing.simulator.gateways import SECRETS
from support.asking import asking
from support.constants import ACCOUNT

RULE = {"limit": Decimal("0.002"), "window": 3600}


def rule(**fields: Any) -> dict[str, Any]:
    (only,) = kept({"id": "g", "spend_limits": {"rules": [RULE | fields]}})["spend_limit_rules"]
    found: dict[str, Any] = only
    return found


def test_all_pages_are_read_without_any_secret() -> None:
    with asking() as asked:
        for number in range(53):
            asked.world.accounts[ACCOUNT].gateways.put(f"g{number}")

        found = asked.client.analytics.gateways(ACCOUNT)

    assert [each["id"] for each in found] == [f"g{number}" for number in range(53)]
    assert {name for each in found for name in each} == {
        "id", "workers_ai_billing_mode", "byok_only", "collect_logs", "spend_limit_rules"
    }  # fmt: skip
    assert "secret" not in json.dumps(found, default=str).lower()
    assert "authorization" not in json.dumps(found, default=str)


@pytest.mark.parametrize("name", [*SECRETS, "authentication", "webhook_url", "anything_new"])
def test_what_is_not_on_the_list_ends_here(name: str) -> None:
    assert name not in kept({"id": "g", name: "opens something"})


@pytest.mark.parametrize("name", ["id", "workers_ai_billing_mode", "byok_only", "collect_logs"])
def test_an_object_where_a_word_is_due_may_hold_anything_and_is_dropped(name: str) -> None:
    assert name not in kept({name: {"authorization": "opens something"}})


@pytest.mark.parametrize("fields", [{"type": "sliding"}, {"technique": "sliding"}, {"period": {"kind": "sliding"}}])
def test_a_limit_is_fixed_or_sliding_wherever_it_says_so(fields: dict[str, Any]) -> None:
    assert rule(**fields)["kind"] == "sliding"


@pytest.mark.parametrize(
    "fields", [{"model": "gpt-5"}, {"scope": {"model": "gpt-5"}}, {"filters": {"model": ["gpt-5"]}}]
)
def test_a_scope_is_found_in_the_rule_or_right_inside_it(fields: dict[str, Any]) -> None:
    assert rule(**fields)["model"] == "gpt-5"


def test_metadata_of_a_scope_may_name_people_and_is_not_kept() -> None:
    found = rule(scope={"metadata": {"user": "anna@example.test"}})

    assert found["has_metadata_scope"] is True
    assert "anna" not in repr(found)


@pytest.mark.parametrize("limits", [None, [], {}, {"rules": None}, {"rules": ["x"]}])
def test_a_gateway_without_limits_has_no_rules(limits: object) -> None:
    assert kept({"id": "g", "spend_limits": limits})["spend_limit_rules"] == []
