"""An account that can be acted on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_gateway_billing.simulator import Simulator
from support.acting import acted_on


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with acted_on(monkeypatch) as simulator:
        yield simulator
