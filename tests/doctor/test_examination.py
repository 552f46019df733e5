"""What the doctor finds of token, clock and endpoints, and with which exit code it sends people home."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_gateway_billing.api import endpoints
from ai_gateway_billing.simulator import Simulator
from ai_gateway_billing_pipeline.doctor import examination
from ai_gateway_billing_pipeline.doctor.machine import Check
from support.command import aig, serving
from support.constants import ACCOUNT, OTHER, TOKEN
from support.doctor import examine

ENDPOINTS = tuple(endpoint.name for endpoint in endpoints.ENDPOINTS)


def test_all_is_well(api: Simulator) -> None:
    result, checks = examine()

    assert result.code == 0
    assert result.json["status"] == "ok"
    assert [name for name in checks if name.endswith(" a")] == [f"{name} a" for name in ENDPOINTS]
    assert checks["token"] == "ok: active"
    assert "does not exist yet" in checks["database"]
    assert not Path("billing.duckdb.load").exists()


def test_states_without_an_answer_are_well(api: Simulator) -> None:
    api.world.accounts.clear()
    api.world.add_account(ACCOUNT)

    result, checks = examine()

    assert result.code == 0
    assert checks["spending-limit a"] == "ok: answers, nothing there yet"


def test_no_token_is_a_setting_and_the_rest_is_looked_at_all_the_same() -> None:
    result, checks = examine()

    assert result.code == 2
    assert "CLOUDFLARE_API_TOKEN" in checks["settings"]
    assert checks["folder"].startswith("ok")


def test_a_wrong_token_ends_with_3(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "a-wrong-token-0123456789-0123456789")

    result, checks = examine("--account", ACCOUNT)

    assert result.code == 3
    assert checks["token"].startswith("fail: Cloudflare does not know it")


def test_a_token_that_belongs_to_an_account_is_asked_for_there(api: Simulator) -> None:
    api.world.tokens[TOKEN].owner = ACCOUNT

    result, checks = examine()

    assert result.code == 0
    assert checks["token"] == "ok: active"


def test_a_disabled_token_is_told_apart_from_an_unknown_one(api: Simulator) -> None:
    api.world.tokens[TOKEN].status = "disabled"

    result, checks = examine("--account", ACCOUNT)

    assert result.code == 3
    assert checks["token"].startswith("fail: It is disabled.")


def test_a_token_that_expires_soon_is_a_warning(api: Simulator) -> None:
    api.world.tokens[TOKEN].expires_on = (datetime.now(UTC) + timedelta(days=3)).isoformat()

    result, checks = examine()

    assert result.code == 0
    assert result.json["status"] == "warn"
    assert checks["token"].startswith("warn: It is active, but expires on ")


def test_one_account_without_permission_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT, OTHER) as simulator:
        simulator.world.tokens[TOKEN].reads.discard(OTHER)
        result, checks = examine("--account", "all")

    assert result.code == 4
    assert checks["credit-balance a"].startswith("ok")
    assert checks["credit-balance b"].startswith("fail")
    assert "AI Gateway Read" in checks["credit-balance b"]


def test_no_permission_at_all_ends_with_3(api: Simulator) -> None:
    api.world.tokens[TOKEN].reads.clear()

    result, checks = examine()

    assert result.code == 3
    assert all(checks[f"{name} a"].startswith("fail") for name in ENDPOINTS)


def test_an_endpoint_that_fails_does_not_hide_the_others(api: Simulator) -> None:
    api.faults.add(500, endpoint="credit-balance")

    result, checks = examine()

    assert result.code == 4
    assert checks["credit-balance a"].startswith("fail")
    assert checks["topup/config a"].startswith("ok")


def test_an_api_that_is_down_ends_with_6_after_one_try(monkeypatch: pytest.MonkeyPatch, api: Simulator) -> None:
    api.faults.add("refused")

    result, checks = examine()

    assert result.code == 6
    assert checks["accounts"].startswith("fail")
    assert "token" not in checks


def test_a_wrong_clock_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT, now=lambda: datetime.now(UTC) - timedelta(minutes=5)):
        result, checks = examine()

    assert result.code == 0
    assert checks["clock"].startswith("warn: This machine's clock is 5 minutes ahead of Cloudflare's.")


def test_without_an_account_nothing_is_guessed_about_endpoints_or_the_database(
    api: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aig("load", "--demo", "--only", "credit_balance", "--database", "billing.duckdb").code == 0
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID", raising=False)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "nobody-knows-this-token-of-forty-letters")

    result, checks = examine()

    assert result.code == 3
    assert "reading" not in checks
    assert checks["database"].startswith("ok: ")


@pytest.mark.parametrize(
    ("codes", "answered", "expected"),
    [
        ([], True, 0),
        ([3], False, 3),
        ([3], True, 4),
        ([6], True, 4),
        ([1, 3], False, 3),
        ([5], False, 5),
        ([2, 3], False, 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst(codes: list[int], answered: bool, expected: int) -> None:
    checks = [Check("any", "fail", "", None, code) for code in codes]
    checks += [Check("credit-balance", "ok", "", ACCOUNT)] if answered else []

    assert examination.exit_code(checks) == expected


FOREIGN = [
    {"kind": 401, "body": "<html>Sign in</html>"},
    {"kind": "html_200"},
    *(
        pytest.param(fault, marks=pytest.mark.thorough)
        for fault in (
            {"kind": 503},
            {"kind": 403, "body": "error code: 1010"},
            {"kind": 404, "body": "Not Found"},
            {"kind": "empty_body"},
            {"kind": "success_false_200"},
            {"kind": "truncated_json"},
        )
    ),
]


@pytest.mark.parametrize("fault", FOREIGN, ids=str)
def test_only_cloudflares_own_refusal_says_that_the_token_is_unknown(api: Simulator, fault: dict[str, Any]) -> None:
    """Else people rotate tokens that are good."""
    for endpoint in ("user/tokens/verify", "tokens/verify"):
        api.faults.add(**fault, endpoint=endpoint)

    result, checks = examine("--account", ACCOUNT)

    assert result.code == 6
    assert checks["token"].startswith("fail: Cloudflare could not verify it: ")


@pytest.mark.parametrize("status", [401, *(pytest.param(s, marks=pytest.mark.thorough) for s in (403, 404))])
def test_cloudflares_own_refusal_says_that_the_token_is_unknown(api: Simulator, status: int) -> None:
    for endpoint in ("user/tokens/verify", "tokens/verify"):
        api.faults.add(status, endpoint=endpoint)

    _, checks = examine("--account", ACCOUNT)

    assert checks["token"].startswith("fail: Cloudflare does not know it: ")


def test_a_base_url_that_is_not_cloudflares_is_told(api: Simulator) -> None:
    api.faults.add("html_200")

    result, checks = examine()

    assert result.code == 6
    assert checks["accounts"].endswith("check CLOUDFLARE_BASE_URL or --base-url.")


@pytest.mark.parametrize(
    ("endpoint", "path", "value", "state", "words"),
    [
        ("credit-balance", "balance", "much", "fail", "A load would put this aside"),
        pytest.param(
            *("usage-history", "history.*.aggregated_value", None, "fail", "A load would put this aside"),
            marks=pytest.mark.thorough,
        ),
        ("topup/config", "lastFailedAt", "never", "warn", "its row is loaded all the same"),
    ],
)
def test_what_a_load_would_put_aside_is_found(
    api: Simulator, endpoint: str, path: str, value: object, state: str, words: str
) -> None:
    api.world.inject(endpoint, path, value)

    result, checks = examine()

    assert result.code == (4 if state == "fail" else 0), checks
    assert checks[f"{endpoint} a"].startswith(f"{state}: ")
    assert words in checks[f"{endpoint} a"]


def test_a_start_that_is_no_date_is_refused_as_by_a_load(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIG_BILLING_START", "2025-13-01")

    result, checks = examine()

    assert result.code == 2
    assert checks["settings"].startswith("fail: The start '2025-13-01' is not a date.")
