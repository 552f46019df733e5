"""What the doctor says of gateways and analytics, where attribution is on."""

from __future__ import annotations

import pytest

from ai_gateway_billing.simulator import Simulator
from support.constants import TOKEN
from support.doctor import examine


@pytest.fixture(autouse=True)
def attribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIG_BILLING_ATTRIBUTION", "true")


def test_gateways_and_estimates_are_told_beside_the_bill(api: Simulator) -> None:
    result, checks = examine()

    assert result.code == 0, checks
    assert checks["gateways a"].startswith("ok: answers")
    assert checks["analytics a"].startswith("ok: answers: about $")
    assert "billed: " in checks["analytics a"]


def test_silence_beside_a_bill_is_a_missing_permission(api: Simulator) -> None:
    api.world.tokens[TOKEN].analytics = "silent"

    result, checks = examine()

    assert result.code == 4, checks
    assert checks["analytics a"].startswith("fail: It gives no rows and no error")
    assert "Account Analytics Read" in checks["analytics a"]


def test_nothing_is_asked_where_attribution_is_off(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIG_BILLING_ATTRIBUTION")

    _, checks = examine()

    assert "analytics a" not in checks
