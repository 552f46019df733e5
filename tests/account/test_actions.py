"""Which request each command on an account sends, what it shows before, and what it says after."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ai_gateway_billing.simulator import Simulator
from support.acting import CHANGES, SESSION, TOPUP, UNATTENDED, sent
from support.command import aig
from support.constants import ACCOUNT, NOW, OTHER, TOKEN

# --- what is shown ---------------------------------------------------------------------------------------------------


def test_show_tells_the_state_without_card_digits_or_links(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].top_up(1000, NOW)
    as_text, as_json = aig("account", "show"), aig("account", "show", "--json")

    for words in ("$16.4019 (1640.19 cents)", "visa", "$500.00 (50000 cents), monthly, fixed", "in_sim", "off"):
        assert words in as_text.out
    assert as_json.json["result"]["credit_balance"]["balance"] == 1640.19
    assert as_json.json["result"]["newest_invoices"][0]["amount_due"] == 1050
    assert "4242" not in as_text.out + as_json.out
    assert "pdf" not in as_text.out + as_json.out


def test_a_new_account_is_shown_as_such(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator.world.add_account(OTHER, "New")
    simulator.world.add_token(TOKEN)
    ran = aig("account", "show", "--account", OTHER)

    assert ran.code == 0
    for words in ("$0.00 (0 cents); no card on file", "off", "never topped up manually", "none"):
        assert words in ran.out


def test_a_stopped_automatic_top_up_says_why(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].set_topup_config(
        {"amount": 2000, "threshold": 500, "disabledReason": "payment_failed"}
    )

    assert "stopped: payment_failed" in aig("account", "show").out


def test_an_invoice_without_a_time_is_shown_all_the_same(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].put_invoice({"id": "in_odd", "amount_due": 5, "currency": "usd"})
    simulator.world.accounts[ACCOUNT].set_spending_limit(None)
    simulator.world.accounts[ACCOUNT].top_up(1000, NOW)
    out = aig("account", "show").out

    assert "at an unknown time, $0.05 (5 cents), in_odd" in out
    assert "Spending limit    none\n" in out


def test_a_top_up_shows_account_state_and_what_will_change(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].set_topup_config({"amount": 2000, "threshold": 500, "disabledReason": None})
    simulator.world.accounts[ACCOUNT].top_up(1000, NOW - timedelta(minutes=5))
    ran = aig(*TOPUP, *UNATTENDED)

    shown = [" ".join(line.split()) for line in ran.err.splitlines()]
    assert shown[0] == f"Account Example Company ({ACCOUNT})"
    assert "Balance $16.4019 (1640.19 cents); visa on file" in shown
    assert "Automatic top-up $20.00 (2000 cents) whenever the balance falls below $5.00 (500 cents)" in shown
    assert any(line.startswith("Newest invoice 2026-11-22 10:25 UTC, $10.50 (1050 cents), paid") for line in shown)
    assert "Will buy $50.00 (5000 cents) of credit and charge visa about $52.50 (5250 cents), with 5 % fee" in shown


# --- what is sent ----------------------------------------------------------------------------------------------------


REQUESTS = {
    "topup": ("POST", "topup", '{"amount":5000}'),
    "topup-config set": ("POST", "topup/config", '{"amount":2000,"threshold":500}'),
    "topup-config delete": ("DELETE", "topup/config", ""),
    "spending-limit set": ("POST", "spending-limit", '{"amount":950,"duration":"weekly","strategy":"sliding"}'),
    "spending-limit delete": ("DELETE", "spending-limit", ""),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_one_request_of_its_own_in_cents(simulator: Simulator, name: str) -> None:
    request = aig(*CHANGES[name], "--dry-run", "--json").json["request"]

    endpoint = request["url"].partition(f"/accounts/{ACCOUNT}/ai-gateway/billing/")[2]
    assert (request["method"], endpoint, request["body"]) == REQUESTS[name]


# --- what comes back -------------------------------------------------------------------------------------------------


def test_a_top_up_tells_its_invoice_whose_status_can_be_asked(simulator: Simulator) -> None:
    ran = aig(*TOPUP, *UNATTENDED, "--json")
    invoice_id = ran.json["result"]["invoice_id"]

    assert ran.json["status"] == "done"
    assert ran.json["result"] == {"invoice_id": invoice_id, "was_onboarded": True, "card_brand": "visa"}
    status = aig("account", "topup-status", invoice_id, "--json").json
    assert status["result"] == {"invoice_id": invoice_id, "status": "completed"}
    assert "completed" in aig("account", "topup-status", invoice_id).out


def test_another_payment_method_is_sent(simulator: Simulator) -> None:
    ran = aig(*TOPUP, "--payment-method", "pm_123", "--dry-run")

    assert '{"amount":5000,"payment_method_id":"pm_123"}' in ran.out
    assert "charge pm_123 about" in ran.err


def test_limits_and_eligibility_are_told(simulator: Simulator) -> None:
    limits, eligibility = aig("account", "topup-limits"), aig("account", "topup-eligibility")

    assert "$10.00 (1000 cents)" in limits.out
    assert aig("account", "topup-limits", "--json").json["result"]["min_cents"] == 1000
    assert "ELIGIBLE" in eligibility.out
    assert "4242" not in eligibility.out


def test_a_spending_limit_is_removed(simulator: Simulator) -> None:
    ran = aig("account", "spending-limit", "delete", *UNATTENDED)

    assert ran.code == 0
    assert "there is no spending limit" in ran.out
    assert "$500.00" in ran.err
    limit = simulator.world.accounts[ACCOUNT].spending_limit()
    assert limit is not None
    assert limit["enabled"] is False


def test_a_signed_in_person_sets_and_ends_the_automatic_top_up(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", SESSION)
    made = aig(*CHANGES["topup-config set"], *UNATTENDED)
    ended = aig(*CHANGES["topup-config delete"], *UNATTENDED)

    assert (made.code, ended.code) == (0, 0)
    assert "$20.00 (2000 cents) whenever the balance falls below $5.00 (500 cents)" in made.out
    assert "Automatic top-up  $20.00" in ended.err


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["topup-config set", "topup-config delete"])
def test_a_token_may_not_write_the_automatic_top_up(simulator: Simulator, name: str) -> None:
    ran = aig(*CHANGES[name], *UNATTENDED)

    assert ran.code == 3
    assert "refuses every API token" in " ".join(ran.err.split())


def test_a_spending_limit_can_no_longer_be_set(simulator: Simulator) -> None:
    ran = aig(*CHANGES["spending-limit set"], *UNATTENDED)

    assert ran.code == 3
    assert "can no longer be set" in ran.err
    assert "limit the spending to $9.50 (950 cents), weekly, sliding" in ran.err


def test_a_token_that_only_reads_is_told_what_it_lacks(simulator: Simulator) -> None:
    simulator.world.tokens[TOKEN].writes.clear()
    ran = aig(*TOPUP, *UNATTENDED)

    assert ran.code == 3
    assert '"AI Gateway Write"' in ran.err


def test_a_declined_card_is_told(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].declines_card = True
    ran = aig(*TOPUP, *UNATTENDED, "--json")

    assert ran.code == 4
    assert ran.json["status"] == "failed"
    assert "declined: nothing was charged" in ran.json["error"]


def test_an_account_that_never_topped_up_has_no_limit_to_remove(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].set_spending_limit(None)
    ran = aig("account", "spending-limit", "delete", *UNATTENDED)

    assert ran.code == 4
    assert "topped up by hand once" in ran.err


def test_an_account_that_pays_in_another_currency_is_refused(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].set_topup_limits({"min_cents": 1000, "max_cents": 10**6, "currency": "eur"})
    ran = aig(*TOPUP, *UNATTENDED)

    assert ran.code == 2
    assert "EUR" in ran.err
    assert sent(simulator) == []
