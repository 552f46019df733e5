"""`aig-billing account`: what it shows, when it sends, what it says and which exit code it ends with."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.operations.operations import Sender
from ai_gateway_billing.simulator import LoggedRequest, Simulator, World
from support.command import aig, run_python, start_aig
from support.constants import ACCOUNT, NOW, OTHER, TOKEN

SESSION = "session-of-somebody-signed-in"
UNATTENDED = ("--yes", "--account", ACCOUNT)
TOPUP = ("account", "topup", "--amount", "50.00")
CHANGES: dict[str, tuple[str, ...]] = {
    "topup": TOPUP,
    "topup-config set": ("account", "topup-config", "set", "--amount", "20", "--threshold", "5"),
    "topup-config delete": ("account", "topup-config", "delete"),
    "spending-limit set": (
        *("account", "spending-limit", "set", "--amount", "9.5", "--duration", "weekly", "--strategy", "sliding"),
    ),
    "spending-limit delete": ("account", "spending-limit", "delete"),
}
QUESTIONS: dict[str, tuple[str, ...]] = {
    "topup-status": ("account", "topup-status", "in_1"),
    "topup-limits": ("account", "topup-limits"),
    "topup-eligibility": ("account", "topup-eligibility"),
}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account with a card and a limit, served, named by the settings; a token and a person that may write."""
    world = World()
    account = world.add_account(ACCOUNT, "Example\nCompany")
    account.set_balance(
        Decimal("640.19"),
        has_default_payment_method=True,
        payment_method={"brand": "visa", "last4": "4242"},
        first_topup_success=True,
    )
    limit = {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}
    account.set_spending_limit({"enabled": True, "config": limit})
    world.add_token(TOKEN, writes={ACCOUNT})
    world.add_token(SESSION, writes={ACCOUNT}, is_dashboard_session=True)
    simulator = Simulator(world, lambda: NOW)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
        yield simulator


class Terminal(io.StringIO):
    """Somebody at a terminal who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


def sent(simulator: Simulator) -> list[LoggedRequest]:
    """The requests that are no plain reading."""
    return [request for request in simulator.requests if request.method != "GET"]


def balance(simulator: Simulator) -> Decimal:
    return Decimal(simulator.world.accounts[ACCOUNT].balance(NOW)["balance"])


# --- what it takes to send -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("options", [(), ("--yes",), ("--account", ACCOUNT)], ids=["none", "yes", "account"])
def test_without_a_terminal_nothing_happens_unless_both_options_are_given(
    simulator: Simulator, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    """The account that the environment names does not count."""
    ran = aig(*command, *options)

    assert ran.code == 2
    assert "--yes --account ID" in ran.err
    assert simulator.requests == []


def test_with_a_terminal_yes_needs_the_account_too(simulator: Simulator, typing: Callable[[str], None]) -> None:
    typing("50.00\n")
    ran = aig(*TOPUP, "--yes")

    assert ran.code == 2
    assert simulator.requests == []


def test_both_options_send_it_without_a_question(simulator: Simulator) -> None:
    ran = aig(*TOPUP, *UNATTENDED)

    assert ran.code == 0
    assert "Type" not in ran.err
    assert [(each.method, each.endpoint) for each in sent(simulator)] == [("POST", "topup")]
    assert balance(simulator) == Decimal("5640.19")


@pytest.mark.parametrize("typed", ["50.00\n", "50\n", "50.0", " 50.00 \n"])
def test_the_amount_typed_again_sends_it(simulator: Simulator, typing: Callable[[str], None], typed: str) -> None:
    typing(typed)
    ran = aig(*TOPUP)

    assert ran.code == 0
    assert "Type the amount in dollars again to send it: " in ran.err
    assert len(sent(simulator)) == 1


@pytest.mark.parametrize("typed", ["50.01\n", "5000\n", "yes\n", "\n", ""])
def test_anything_else_typed_sends_nothing(simulator: Simulator, typing: Callable[[str], None], typed: str) -> None:
    typing(typed)
    ran = aig(*TOPUP)

    assert ran.code == 2
    assert sent(simulator) == []


@pytest.mark.parametrize(("typed", "code", "requests"), [("delete\n", 0, 1), ("y\n", 2, 0), ("", 2, 0)])
def test_a_removal_is_confirmed_by_its_name(
    simulator: Simulator, typing: Callable[[str], None], typed: str, code: int, requests: int
) -> None:
    typing(typed)
    ran = aig("account", "spending-limit", "delete")

    assert ran.code == code
    assert "Type `delete` to send it: " in ran.err
    assert len(sent(simulator)) == requests


def test_a_real_terminal_is_asked(simulator: Simulator) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b"50.00\n")
    process = start_aig(*TOPUP, stdin=theirs)
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)

    assert process.returncode == 0, err
    assert "Type the amount" in err
    assert "in_sim" in out


def test_closed_standard_input_is_no_terminal(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert aig(*TOPUP).code == 2
    assert simulator.requests == []


# --- what is shown ---------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", CHANGES)
def test_a_dry_run_prints_the_request_without_the_token_and_sends_nothing(simulator: Simulator, name: str) -> None:
    ran = aig(*CHANGES[name], "--dry-run")

    assert ran.code == 0
    assert f"Example Company ({ACCOUNT})" in ran.err
    assert "Will" in ran.err
    assert "/ai-gateway/billing/" in ran.out.splitlines()[0]
    assert "Authorization: Bearer ***" in ran.out
    assert TOKEN not in ran.out + ran.err
    assert sent(simulator) == []


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_dry_run_of_a_question_does_not_ask_it(simulator: Simulator, name: str) -> None:
    ran = aig(*QUESTIONS[name], "--dry-run")

    assert ran.code == 0
    assert f"/accounts/{ACCOUNT}/ai-gateway/billing/{name.replace('-', '/')}" in ran.out.splitlines()[0]
    assert {request.endpoint for request in simulator.requests} <= {"accounts"}


def test_a_dry_run_as_json_is_one_object(simulator: Simulator) -> None:
    ran = aig(*TOPUP, "--dry-run", "--json")

    request = ran.json["request"]
    assert (ran.json["status"], ran.json["account"]["id"]) == ("dry_run", ACCOUNT)
    assert (request["method"], request["body"]) == ("POST", '{"amount":5000}')
    assert request["headers"]["Authorization"] == "Bearer ***"


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


def test_an_account_that_cannot_be_listed_has_no_name(simulator: Simulator) -> None:
    simulator.faults.add(403, endpoint="accounts")
    ran = aig("account", "topup-limits")

    assert ran.code == 0
    assert f"name unknown: HTTP 403 ({ACCOUNT})" in ran.out


# --- what comes back -------------------------------------------------------------------------------------------------


def test_a_top_up_tells_its_invoice_whose_status_can_be_asked(simulator: Simulator) -> None:
    ran = aig(*TOPUP, *UNATTENDED, "--json")
    invoice_id = ran.json["result"]["invoice_id"]

    assert ran.json["status"] == "done"
    assert ran.json["result"] == {"invoice_id": invoice_id, "was_onboarded": True, "card_brand": "visa"}
    status = aig("account", "topup-status", invoice_id, "--json").json
    assert status["result"] == {"invoice_id": invoice_id, "status": "completed"}
    assert "completed" in aig("account", "topup-status", invoice_id).out


def test_the_next_command_is_told_after_a_top_up(simulator: Simulator) -> None:
    out = aig(*TOPUP, *UNATTENDED).out

    (command,) = [line.split(maxsplit=1)[1] for line in out.splitlines() if line.startswith("Next")]
    assert aig(*command.split()[1:]).code == 0


def test_no_secret_is_printed_or_logged(simulator: Simulator) -> None:
    ran = aig(*TOPUP, *UNATTENDED, "--log-level", "debug")

    assert ran.code == 0
    for secret in ("_secret_", "4242", TOKEN):
        assert secret not in ran.out + ran.err


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


# --- what is refused, and what is not known --------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", ["reset", "torn_body", 502, "html_200", "null_result_200"])
def test_an_unknown_outcome_ends_with_1_after_one_request(simulator: Simulator, kind: str | int) -> None:
    """Not with 6, which tells a scheduler to run again."""
    simulator.faults.add(kind, endpoint="topup")
    ran = aig(*TOPUP, *UNATTENDED, "--json")

    assert ran.code == 1
    assert len(sent(simulator)) == 1
    assert ran.json["status"] == "unknown"
    assert "do not send it again" in ran.json["error"]
    assert "`aig-billing account show`" in ran.err


def test_an_interrupted_request_leaves_the_outcome_unknown(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Sender.send

    def send(self: Sender, operation: Any) -> Any:
        answer = real(self, operation)
        if operation.is_change:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(Sender, "send", send)
    ran = aig(*TOPUP, *UNATTENDED)

    assert ran.code == 1
    assert "interrupted" in ran.err
    assert "do not send it again" in ran.err


def test_an_interrupted_question_sends_nothing(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Terminal):
        def readline(self, *_: Any) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    ran = aig(*TOPUP)

    assert ran.code == 130
    assert sent(simulator) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*TOPUP[:3], "9.99"), "at least 1000 cents"),
        ((*TOPUP[:3], "10000.01"), "between $10.00 (1000 cents) and $10000.00 (1000000 cents)"),
        ((*TOPUP[:3], "50.001"), "at most two decimals"),
        ((*TOPUP[:3], "-50"), "at most two decimals"),
        (("account", "topup-config", "set", "--amount", "50", "--threshold", "4.99"), "at least 500 cents"),
        (("account", "topup-status", "in_/x"), "letters, digits and underscores"),
        (
            ("account", "spending-limit", "set", "--amount", "5", "--duration", "yearly", "--strategy", "fixed"),
            "yearly",
        ),
        ((*TOPUP, "--account", "all"), "one account"),
        ((*TOPUP, "--account", "short"), "32 characters"),
        (("account", "topup"), "--amount"),
    ],
)
def test_a_bad_argument_is_refused_before_anything_is_sent(
    simulator: Simulator, arguments: tuple[str, ...], words: str
) -> None:
    ran = aig(*arguments, *(() if "topup-status" in arguments else ("--dry-run",)))

    assert ran.code == 2
    assert words in ran.err
    assert sent(simulator) == []


def test_an_account_that_pays_in_another_currency_is_refused(simulator: Simulator) -> None:
    simulator.world.accounts[ACCOUNT].set_topup_limits({"min_cents": 1000, "max_cents": 10**6, "currency": "eur"})
    ran = aig(*TOPUP, *UNATTENDED)

    assert ran.code == 2
    assert "EUR" in ran.err
    assert sent(simulator) == []


def test_several_accounts_are_too_many(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", f"{ACCOUNT},{OTHER}")
    ran = aig(*TOPUP, "--dry-run")

    assert ran.code == 2
    assert "--account ID" in ran.err


def test_a_missing_token_names_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = aig("account", "show")

    assert ran.code == 2
    assert '"AI Gateway Write"' in ran.err


def test_nobody_listening_ends_with_6(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sender, "send", refuse_connection(Sender.send))
    ran = aig(*TOPUP, *UNATTENDED)

    assert ran.code == 6
    assert "Nothing was changed" in ran.err


def refuse_connection(real: Callable[[Sender, Any], Any]) -> Callable[[Sender, Any], Any]:
    def send(self: Sender, operation: Any) -> Any:
        if operation.is_change:
            with Simulator(World()).serve() as url:
                pass
            with Sender(TOKEN, base_url=url) as nobody:
                return real(nobody, operation)
        return real(self, operation)

    return send


@pytest.mark.parametrize("command", ["", "show", "forget", *CHANGES, *QUESTIONS])
def test_help_imports_nothing_heavy(command: str) -> None:
    ran = run_python(f"""
import sys
from ai_gateway_billing_pipeline.cli import main
try:
    main(["account", *{command.split()!r}, "--help"])
except SystemExit as end:
    assert not end.code
heavy = {{"dlt", "duckdb", "httpx", "pandas", "pyarrow", "rich.console"}} & set(sys.modules)
assert not heavy, heavy
""")

    assert ran.code == 0, ran.err
    assert "Usage: aig-billing account" in ran.out


# --- and the next load sees it ---------------------------------------------------------------------------------------


def load_at(moment: datetime) -> None:
    """A load in a process of its own, since dlt's clock never goes back within one."""
    ran = run_python(f"""
import time_machine
from ai_gateway_billing_pipeline.cli import main
with time_machine.travel({moment.timestamp()}):
    main(["load", "--start", "2026-11-15"])
""")
    assert ran.code == 0, ran.err


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("billing.duckdb", read_only=True) as database:
        return database.execute(sql).fetchall()


@pytest.mark.slow
def test_the_next_load_sees_a_top_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As balance, as invoice, and as a recognised top-up of what was bought, without the fee."""
    world = World()
    world.add_generated_account(ACCOUNT, start=datetime(2026, 11, 15, tzinfo=UTC))
    world.add_token(TOKEN, writes={ACCOUNT})
    simulator = Simulator(world, lambda: NOW)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        load_at(NOW)
        simulator.now = lambda: NOW + timedelta(minutes=20)
        invoice_id = aig(*TOPUP, *UNATTENDED, "--json").json["result"]["invoice_id"]
        simulator.now = lambda: NOW + timedelta(hours=1)
        load_at(NOW + timedelta(hours=1))

    (before,), (after,) = rows("select balance from ai_gateway_billing.credit_balance order by _dlt_valid_from")
    assert Decimal(4900) < after - before <= 5000
    (invoice,) = rows(f"select amount_paid, status from ai_gateway_billing.invoices where id = '{invoice_id}'")
    assert invoice == (Decimal(5250), "paid")
    assert rows(f"select amount_paid from spend.invoices where invoice_id = '{invoice_id}'") == [(Decimal("52.5"),)]
    (version,) = rows("select balance, topups, topup_source from spend.balance where is_current")
    assert version == (after / 100, Decimal(50), "invoice")
