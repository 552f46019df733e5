"""The estimate of how often a token can load its accounts."""

from __future__ import annotations

import pytest

from ai_gateway_billing_pipeline.doctor.capacity import capacity


@pytest.mark.parametrize(("accounts", "loads"), [(1, "2,057 loads"), (50, "41 loads"), (2057, "1 loads an hour, but")])
def test_what_a_token_can_load_is_said(accounts: int, loads: str) -> None:
    check = capacity(accounts)

    assert check.state == "ok"
    assert loads in check.message
    assert "one process only" in check.message


@pytest.mark.parametrize(("accounts", "tokens"), [(2058, 2), (5000, 3)])
def test_too_many_accounts_need_another_token(accounts: int, tokens: int) -> None:
    check = capacity(accounts)

    assert check.state == "warn"
    assert f"{accounts * 7:,} requests a load" in check.message
    assert f"{tokens} tokens" in check.message
