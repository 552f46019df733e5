"""One change from question to answer: who may send it, what a dry run prints, and what an unknown outcome means."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing.operations.operations import Sender
from ai_gateway_billing.simulator import Simulator, World
from support.acting import CHANGES, QUESTIONS, TOPUP, UNATTENDED, sent
from support.command import aig
from support.constants import ACCOUNT, NOW, OTHER, TOKEN


class Terminal(io.StringIO):
    """Somebody at a terminal who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


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


def test_closed_standard_input_is_no_terminal(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    assert aig(*TOPUP).code == 2
    assert simulator.requests == []


def test_an_interrupted_question_sends_nothing(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Terminal):
        def readline(self, *_: Any) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    ran = aig(*TOPUP)

    assert ran.code == 130
    assert sent(simulator) == []


# --- a dry run -------------------------------------------------------------------------------------------------------


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


# --- which account, by whom ------------------------------------------------------------------------------------------


def test_an_account_that_cannot_be_listed_has_no_name(simulator: Simulator) -> None:
    simulator.faults.add(403, endpoint="accounts")
    ran = aig("account", "topup-limits")

    assert ran.code == 0
    assert f"name unknown: HTTP 403 ({ACCOUNT})" in ran.out


def test_several_accounts_are_too_many(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", f"{ACCOUNT},{OTHER}")
    ran = aig(*TOPUP, "--dry-run")

    assert ran.code == 2
    assert "--account ID" in ran.err


def test_a_missing_token_names_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = aig("account", "show")

    assert ran.code == 2
    assert '"AI Gateway Write"' in ran.err


# --- what came of it -------------------------------------------------------------------------------------------------


def test_no_secret_is_printed_or_logged(simulator: Simulator) -> None:
    ran = aig(*TOPUP, *UNATTENDED, "--log-level", "debug")

    assert ran.code == 0
    for secret in ("_secret_", "4242", TOKEN):
        assert secret not in ran.out + ran.err


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
