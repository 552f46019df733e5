"""What the doctor says of attribution: whether the token may, and what no rows without an error look like."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ai_gateway_billing.simulator import Simulator
from support.constants import ACCOUNT, TOKEN
from support.doctor import answering, examine


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with answering(monkeypatch) as simulator:
        yield simulator


def test_attribution_is_not_examined_unless_it_is_on(api: Simulator) -> None:
    _, checks = examine()

    assert not {"analytics a", "gateways a"} & set(checks)
    assert {each.endpoint for each in api.requests} & {"graphql", "gateways"} == set()


def test_attribution_that_works_shows_estimate_and_bill(api: Simulator) -> None:
    result, checks = examine("--with", "attribution")

    assert result.code == 0
    assert checks["gateways a"] == "ok: answers, 3 gateway(s)"
    assert re.fullmatch(
        r"ok: answers: about \$[\d.]+ in 3 days, own provider keys included; billed: [\d.]+", checks["analytics a"]
    )


def test_no_rows_beside_a_bill_is_what_a_missing_permission_looks_like(api: Simulator) -> None:
    api.world.tokens[TOKEN].analytics = "silent"

    result, checks = examine("--with", "attribution")

    assert result.code == 4
    assert re.search(r"no rows and no error, although [\d.]+ was billed in the same 3 days", checks["analytics a"])
    assert '"AI Gateway Read"' in checks["analytics a"]


def test_no_rows_without_a_bill_tell_nothing(api: Simulator) -> None:
    api.world.accounts.clear()
    api.world.add_account(ACCOUNT)

    _, checks = examine("--with", "attribution")

    assert checks["analytics a"] == "ok: answers, nothing there yet"


def test_a_refused_permission_is_named(api: Simulator) -> None:
    api.world.tokens[TOKEN].analytics = "refused"

    result, checks = examine("--with", "attribution")

    assert result.code == 4
    assert checks["analytics a"].startswith("fail:")
    assert '"Account Analytics Read"' in checks["analytics a"]
