"""Who is told what by `load`, `check` and `doctor`: from their options and the environment to the message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import Account
from ai_gateway_billing_pipeline.commands import telling
from ai_gateway_billing_pipeline.database.checks import Limits
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support import leaks
from support.bench import put_tables
from support.command import aig, without_findings
from support.constants import ACCOUNT
from support.doctor import answering, examine
from support.receiver import Receiver, receiving
from support.spending import two_accounts

SECRET = "3ccdd113474722377935511fc85d3dd4"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Who is told by way of the environment."""
    pytest.importorskip("apprise")
    with receiving() as receiver:
        monkeypatch.setenv("AIG_BILLING_NOTIFY", f"json://{receiver.host}/{SECRET}")
        yield receiver


@pytest.fixture
def account(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account in which nothing is found, until it runs out of credit."""
    put_tables(Path.cwd())
    with without_findings(monkeypatch) as simulator:
        yield simulator.world.accounts[ACCOUNT]


@pytest.fixture
def found() -> None:
    """A database with findings that no load made: `check` needs none."""
    two_accounts(Path.cwd()).close()


def run_out(account: Account) -> None:
    account.set_balance(1, topup_config={"amount": 0, "threshold": 0})
    account.set_topup_config({"amount": 0, "threshold": 0})


# --- what is told, and how often -------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_load_tells_once_what_it_finds_and_once_that_it_is_over(account: Account, receiver: Receiver) -> None:
    assert aig("load").code == 0
    assert receiver.received == []

    run_out(account)
    assert [aig("load").code for _ in range(2)] == [0, 0]
    assert receiver.titles == ["AI Gateway billing: 1 error"]
    assert f"({ACCOUNT})" in receiver.messages[0]
    assert "no automatic top-up is set up" in receiver.messages[0]

    account.set_balance(10_000_000)
    assert [aig("load").code for _ in range(2)] == [0, 0]
    assert receiver.titles[1:] == ["AI Gateway billing: 1 resolved"]


def test_load_and_check_tell_by_one_memory_and_keep_their_exit_codes(account: Account, receiver: Receiver) -> None:
    run_out(account)

    assert [aig("load").code, aig("check").code, aig("check").code] == [0, 1, 1]

    assert len(receiver.received) == 1


def test_what_was_accepted_before_anybody_was_told_is_told_to_nobody(
    found: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.delenv("AIG_BILLING_NOTIFY")
        findings = aig("check", "--json").json["findings"]

    accepted = aig("check", *(word for each in findings for word in ("--accept", each["id"])))

    assert len(findings) == 2
    assert (accepted.code, aig("check").code) == (0, 0)
    assert receiver.received == []


def test_what_was_told_is_known_since_then(found: None, receiver: Receiver) -> None:
    before = aig("check", "--json").json["findings"]
    after = aig("check", "--json").json["findings"]

    assert [each["first_seen"] for each in before] == [None, None]
    assert all(each["first_seen"] for each in after)
    assert len(receiver.received) == 1


def test_a_check_that_tells_nobody_writes_nothing(found: None) -> None:
    before = Path("billing.duckdb").stat()

    assert aig("check").code == 1

    after = Path("billing.duckdb").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_option_takes_the_place_of_the_environment(found: None, receiver: Receiver) -> None:
    aig("check", "--notify", f"json://{receiver.host}/option")

    assert [path for path, _ in receiver.received] == ["/option"]


@pytest.mark.thorough
def test_a_load_that_fails_is_told_once_and_once_that_it_works_again(
    account: Account, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert aig("load").code == 0
    with monkeypatch.context() as patch:
        patch.setenv("CLOUDFLARE_API_TOKEN", "a-token-that-nobody-knows")
        assert [aig("load").code for _ in range(2)] == [3, 3]
    (told,) = receiver.messages
    assert "The load failed." in told
    assert "a-token-that-nobody-knows" not in told

    assert aig("load").code == 0
    assert receiver.titles[1:] == ["AI Gateway billing: 1 resolved"]


def test_a_load_without_a_token_is_told_by_the_memory_of_the_database_that_was_named(
    found: None, receiver: Receiver
) -> None:
    Path("billing.duckdb").rename("mine.duckdb")

    assert [aig("load", "--database", "mine.duckdb").code for _ in range(2)] == [2, 2]

    (told,) = receiver.messages
    assert "mine.duckdb on" in told
    assert "The load failed." in told
    assert "Usage by hour was not read completely" in told


def test_a_load_that_fails_before_there_is_a_database_is_told_and_makes_none(receiver: Receiver) -> None:
    ran = aig("load")

    (told,) = receiver.messages
    assert ran.code == 2
    assert "The load failed. No API token." in told
    assert "The findings could not be read" not in ran.err
    assert list(Path.cwd().iterdir()) == []


def test_a_load_is_told_to_have_failed_where_the_findings_cannot_be_read(receiver: Receiver) -> None:
    Path("billing.duckdb").write_bytes(b"no database at all")

    ran = aig("load")

    assert ran.code == 2
    assert "The findings could not be read: billing.duckdb is damaged" in ran.err
    assert ["The load failed. No API token." in told for told in receiver.messages] == [True]


def test_a_load_that_finds_another_at_work_leaves_the_telling_to_it(
    found: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "never-sent")
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)

    with Workspace(Path("billing.duckdb").resolve()).locked(0):
        ran = aig("load")

    assert (ran.code, receiver.received) == (5, [])
    assert "alerts" not in ran.err


def test_a_load_into_what_can_be_no_file_tells_nobody(receiver: Receiver) -> None:
    Path("folder").mkdir()

    ran = aig("load", "--database", "folder", "--json")

    assert (ran.code, receiver.received) == (2, [])
    assert "folder is a folder" in ran.json["error"]
    assert "No alerts" not in ran.err


def test_a_check_leaves_the_telling_to_the_next_one_while_a_load_is_at_work(found: None, receiver: Receiver) -> None:
    hook = ("--notify-url", f"http://{receiver.host}/hook")

    with Workspace(Path("billing.duckdb").resolve()).locked(0):
        assert aig("check", *hook).code == 5
    assert receiver.received == []

    assert aig("check", *hook).code == 1
    assert {path for path, _ in receiver.received} == {f"/{SECRET}", "/hook"}
    (told,) = [each for each in receiver.json if "findings" in each]
    assert {each["event"] for each in told["findings"]} == {"new"}


BUDGET = '[sources.ai_gateway_billing.budgets.team]\namount = 1000000\nperiod = "month"\n'


@pytest.mark.thorough
def test_a_budget_that_is_new_in_the_settings_is_said_to_wait_for_the_next_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with without_findings(monkeypatch):
        assert aig("load").code == 0
    assert "settings" not in aig("check").err
    Path(".dlt").mkdir()
    for amount in ("1000000", "2000000"):
        Path(".dlt/config.toml").write_text(BUDGET.replace("1000000", amount), "utf-8")
        waiting = aig("check")
        with without_findings(monkeypatch):
            assert aig("load").code == 0

        assert waiting.code == 0
        assert "New in the settings, and counted from the next load on: budget team." in waiting.err
        assert "settings" not in aig("check").err

    Path(".dlt/config.toml").unlink()
    assert "settings" not in aig("check").err, "who checks may have no settings"


# --- what telling may not do -----------------------------------------------------------------------------------------


def test_a_dead_address_changes_no_exit_code(account: Account, receiver: Receiver) -> None:
    run_out(account)
    receiver.status = 500

    load, check = aig("load"), aig("check")

    assert (load.code, check.code) == (0, 1)
    assert "did not take the message" in load.err
    assert SECRET not in load.err + check.err + load.out + check.out


def test_whatever_goes_wrong_while_telling_a_load_ends_as_it_would_have(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIG_BILLING_REMIND_DAYS", "seven")

    ran = aig("load")

    assert (ran.code, receiver.received) == (2, [])
    assert "No alerts were sent: AIG_BILLING_REMIND_DAYS is 'seven'." in ran.err
    assert "Error: No API token." in ran.err


def test_no_log_tells_an_address(account: Account, receiver: Receiver) -> None:
    run_out(account)

    ran = [aig(command, "--log-level", "debug") for command in ("load", "check")]

    assert len(receiver.received) == 1
    assert [SECRET in each.err + each.out for each in ran] == [False, False]
    assert leaks.found([SECRET], Path.cwd()) == []


@pytest.mark.parametrize("command", ["load", "check"])
def test_a_bad_address_ends_a_command_before_it_begins(found: None, receiver: Receiver, command: str) -> None:
    ran = aig(command, "--notify", f"nonsense://{SECRET}")

    assert (ran.code, ran.out) == (2, "")
    assert "--notify" in ran.err
    assert SECRET not in ran.err


@pytest.mark.parametrize("words", [["load"], ["check", "--json"]])
def test_an_address_without_its_option_is_not_quoted(words: list[str]) -> None:
    ran = aig(*words, f"slack://{SECRET}/{SECRET}")

    assert ran.code == 2
    assert SECRET not in ran.err


# --- from when on something is told ----------------------------------------------------------------------------------


def test_a_limit_is_the_options_else_the_environments_else_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = telling.limits()
    monkeypatch.setenv("AIG_BILLING_STALE_AFTER", "31")
    monkeypatch.setenv("AIG_BILLING_CREDIT_DAYS", "32")

    assert usual == Limits()
    assert telling.limits() == Limits(31, 32)
    assert telling.limits(stale_after=33) == Limits(33, 32)
    assert telling.limits(credit_days=34) == Limits(31, 34)


@pytest.mark.parametrize("variable", ["AIG_BILLING_CREDIT_DAYS", "AIG_BILLING_STALE_AFTER", "AIG_BILLING_REMIND_DAYS"])
def test_a_limit_that_is_no_number_is_refused(
    variable: str, found: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "seven")

    ran = aig("check")

    assert ran.code == 2
    assert variable in ran.err


# --- what the doctor says of it --------------------------------------------------------------------------------------


def test_addresses_of_alerts_are_tried_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise")
    with answering(monkeypatch), receiving() as receiver:
        url = f"json://{receiver.host}/{SECRET}"

        _, found = examine("--notify", url)
        assert found["notify"].startswith("ok: 1 address(es)")
        assert receiver.received == []

        ran, found = examine("--notify", url, "--test-notify")
        assert (ran.code, found["notify"]) == (0, "ok: address 1 took the test message")
        assert receiver.titles == ["AI Gateway billing: test"]

        receiver.status = 500
        ran, found = examine("--notify", url, "--test-notify")
        assert (ran.code, found["notify"][:5]) == (1, "fail:")
        assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("options", [["--test-notify"], ["--notify", f"nonsense://{SECRET}"]])
def test_an_address_that_is_missing_or_bad_is_told(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise")

    with answering(monkeypatch):
        ran, found = examine(*options)

    assert (ran.code, found["notify"][:5]) == (2, "fail:")
    assert SECRET not in ran.out + ran.err
