"""The estimate of how often a token can load its accounts."""

from __future__ import annotations

import pytest

from ai_gateway_billing_pipeline.doctor.capacity import capacity


@pytest.mark.parametrize(
    ("accounts", "needs", "loads"),
    [
        (1, "1 account needs about 7 requests a load, and 9 more once a day", "2,055 loads"),
        (50, "50 accounts need about 350 requests a load, and 450 more once a day", "39 loads"),
        (1928, "1,928 accounts need about 13,496 requests a load, and 900 more once an hour", ": 1 load an hour"),
    ],
)
def test_what_a_token_can_load_is_said(accounts: int, needs: str, loads: str) -> None:
    check = capacity(accounts)

    assert check.state == "ok"
    assert check.message.startswith(needs)
    assert loads in check.message
    assert "one process only" in check.message


@pytest.mark.parametrize(("accounts", "tokens"), [(1929, 2), (3856, 2), (3857, 3), (50_000, 26)])
def test_too_many_accounts_need_another_token(accounts: int, tokens: int) -> None:
    check = capacity(accounts)

    assert check.state == "warn"
    assert f"{accounts * 7:,} requests a load" in check.message
    assert f"{tokens} tokens" in check.message


@pytest.mark.parametrize("accounts", [1929, 3856, 3857, 9999])
def test_so_many_tokens_are_enough_and_no_fewer(accounts: int) -> None:
    tokens = int(capacity(accounts).message.split(" among ")[1].split()[0])

    assert capacity(-(-accounts // tokens)).state == "ok"
    assert capacity(-(-accounts // (tokens - 1))).state == "warn"
