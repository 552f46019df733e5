"""`aig-billing doctor`: how what was found is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_gateway_billing.simulator import Simulator
from support.command import aig
from support.constants import ACCOUNT
from support.doctor import answering


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with answering(monkeypatch) as simulator:
        yield simulator


def test_for_people_each_check_is_a_line(api: Simulator) -> None:
    result = aig("doctor")

    assert result.code == 0
    assert "ok   token: active\n" in result.out
    assert f"ok   credit-balance of {ACCOUNT}: answers\n" in result.out
