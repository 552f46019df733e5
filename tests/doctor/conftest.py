"""An API that the doctor asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ai_gateway_billing.simulator import Simulator
from support.doctor import answering


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with answering(monkeypatch) as simulator:
        yield simulator
