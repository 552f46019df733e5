"""A run of the doctor, as its tests look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

import ai_gateway_billing.source  # noqa: F401 - so that nothing is imported while the client is another one
from ai_gateway_billing.api import client
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.simulator import Simulator
from support.command import Ran, aig, serving
from support.constants import ACCOUNT


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An API with one account, for which nobody waits."""
    monkeypatch.setattr(client, "Client", partial(Client, sleep=lambda _: None))
    with serving(monkeypatch, ACCOUNT) as simulator:
        yield simulator


def examine(*arguments: str) -> tuple[Ran, dict[str, str]]:
    """The run, and `state: message` of each check; an endpoint's name carries the account's first letter."""
    result = aig("doctor", "--json", *arguments)
    checks = {
        f"{check['name']} {check['account_id'][0]}" if check["account_id"] else check["name"]: (
            f"{check['state']}: {check['message']}"
        )
        for check in result.json["checks"]
    }
    return result, checks
