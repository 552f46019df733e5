"""`aig-billing check`: what it reports, and what somebody said may stay as it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import Account, Simulator
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support import leaks
from support.command import RECENT, aig, serving
from support.constants import ACCOUNT
from support.receiver import Receiver, receiving

SECRET = "3ccdd113474722377935511fc85d3dd4"
LONG_AGO = f"{RECENT - timedelta(days=30):%Y-%m-%d}"


@contextmanager
def without_findings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An API whose account has so much credit that nothing is found."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        simulator.world.accounts[ACCOUNT].set_balance(10_000_000)
        yield simulator


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account, loaded once. Each test works on a copy."""
    database = tmp_path_factory.mktemp("loaded") / "billing.duckdb"
    with pytest.MonkeyPatch.context() as patch, without_findings(patch):
        assert aig("load", "--database", str(database)).code == 0
    return database


@pytest.fixture(scope="module")
def loaded_with_gap(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one day of long ago."""
    database = shutil.copyfile(loaded, tmp_path_factory.mktemp("gap") / "billing.duckdb")
    day = ("--from", LONG_AGO, "--to", LONG_AGO, "--extend")
    with pytest.MonkeyPatch.context() as patch, without_findings(patch):
        assert aig("backfill", *day, "--database", str(database)).code == 0
    return database


@pytest.fixture
def gap(loaded_with_gap: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ids of the findings of a database with a gap, whose API goes on to answer."""
    shutil.copyfile(loaded_with_gap, "billing.duckdb")
    with without_findings(monkeypatch):
        findings = aig("check", "--json").json["findings"]
        yield [found["id"] for found in findings if found["check"] == "coverage_gaps"]


def test_a_finding_that_was_accepted_is_reported_no_more_also_after_the_next_load(gap: list[str]) -> None:
    assert aig("check").code == 1

    accepted = aig("check", *(word for name in gap for word in ("--accept", name)))

    assert accepted.code == 0, accepted
    assert "2 accepted" in accepted.out
    assert aig("load").code == 0
    again = aig("check", "--json")
    assert again.code == 0
    assert again.json["status"] == "clean"
    assert [found["id"] for found in again.json["findings"] if found["accepted"]] == gap


@pytest.mark.thorough
def test_a_gap_that_grows_is_another_finding(gap: list[str]) -> None:
    aig("check", *(word for name in gap for word in ("--accept", name)))
    earlier = f"{RECENT - timedelta(days=60):%Y-%m-%d}"

    aig("backfill", "--from", earlier, "--to", earlier, "--extend")

    assert aig("check").code == 1


def test_what_is_no_finding_cannot_be_accepted(gap: list[str]) -> None:
    before = Path("billing.duckdb").read_bytes()

    ran = aig("check", "--accept", "deadbeef")

    assert ran.code == 2
    assert "--accept deadbeef" in ran.err
    assert Path("billing.duckdb").read_bytes() == before


def test_accepting_waits_for_no_load(gap: list[str]) -> None:
    with Workspace(Path("billing.duckdb").resolve()).locked(0):
        assert aig("check", "--accept", gap[0]).code == 5


def test_a_quiet_check_prints_nothing_when_all_is_well(gap: list[str]) -> None:
    assert aig("check", "--quiet").out != ""
    aig("check", *(word for name in gap for word in ("--accept", name)))

    assert aig("check", "--quiet").out == ""


# --- alerts ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def account(loaded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account in which nothing is found, loaded once. People are told by way of the environment."""
    pytest.importorskip("apprise")
    shutil.copyfile(loaded, "billing.duckdb")
    with without_findings(monkeypatch) as simulator, receiving() as receiver:
        account = simulator.world.accounts[ACCOUNT]
        monkeypatch.setenv("AIG_BILLING_NOTIFY", f"json://{receiver.host}/{SECRET}")
        account.receiver = receiver  # type: ignore[attr-defined]
        yield account


def heard(account: Account) -> Receiver:
    receiver: Receiver = account.receiver  # type: ignore[attr-defined]
    return receiver


def run_out(account: Account) -> None:
    account.set_balance(1, topup_config={"amount": 0, "threshold": 0})
    account.set_topup_config({"amount": 0, "threshold": 0})


@pytest.mark.thorough
def test_a_load_tells_once_what_it_finds_and_once_that_it_is_over(account: Account) -> None:
    assert aig("load").code == 0
    assert heard(account).received == []

    run_out(account)
    assert [aig("load").code for _ in range(2)] == [0, 0]
    assert heard(account).titles == ["AI Gateway billing: 1 error"]
    assert f"({ACCOUNT})" in heard(account).messages[0]
    assert "no automatic top-up is set up" in heard(account).messages[0]

    account.set_balance(10_000_000)
    assert [aig("load").code for _ in range(2)] == [0, 0]
    assert heard(account).titles[1:] == ["AI Gateway billing: 1 resolved"]


def test_load_and_check_tell_by_one_memory_and_keep_their_exit_codes(account: Account) -> None:
    run_out(account)

    assert [aig("load").code, aig("check").code, aig("check").code] == [0, 1, 1]

    assert len(heard(account).received) == 1


@pytest.mark.thorough
def test_what_was_accepted_is_told_no_more(account: Account) -> None:
    run_out(account)
    aig("load", "--quiet")
    (low,) = [found for found in aig("check", "--json").json["findings"] if found["check"] == "low_credit"]

    assert low["first_seen"]
    assert aig("check", "--accept", low["id"]).code == 0
    assert len(heard(account).received) == 1


def test_a_check_that_tells_nobody_writes_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIG_BILLING_NOTIFY")
    run_out(account)
    aig("load")
    before = Path("billing.duckdb").stat()

    assert aig("check").code == 1

    after = Path("billing.duckdb").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.thorough
def test_a_load_that_fails_is_told_once_and_once_that_it_works_again(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("CLOUDFLARE_API_TOKEN", "a-token-that-nobody-knows")
        assert [aig("load").code for _ in range(2)] == [3, 3]
    (told,) = heard(account).messages
    assert "The load failed." in told
    assert "a-token-that-nobody-knows" not in told

    assert aig("load").code == 0
    assert heard(account).titles[1:] == ["AI Gateway billing: 1 resolved"]


def test_a_dead_address_changes_no_exit_code(account: Account) -> None:
    run_out(account)
    heard(account).status = 500

    load, check = aig("load"), aig("check")

    assert (load.code, check.code) == (0, 1)
    assert "did not take the message" in load.err
    assert SECRET not in load.err + check.err + load.out + check.out


def test_no_log_tells_an_address(account: Account) -> None:
    run_out(account)

    ran = [aig(command, "--log-level", "debug") for command in ("load", "check")]

    assert len(heard(account).received) == 1
    assert [SECRET in each.err + each.out for each in ran] == [False, False]
    assert leaks.found([SECRET], Path.cwd()) == []


@pytest.mark.parametrize("command", ["load", "check"])
def test_a_bad_address_ends_a_command_before_it_begins(account: Account, command: str) -> None:
    ran = aig(command, "--notify", f"nonsense://{SECRET}")

    assert (ran.code, ran.out) == (2, "")
    assert SECRET not in ran.err


@pytest.mark.thorough
def test_a_check_waits_for_a_load_only_when_asked_to(account: Account) -> None:
    run_out(account)
    aig("load")
    heard(account).received.clear()

    with Workspace(Path("billing.duckdb").resolve()).locked(0):
        assert aig("check", "--notify-url", f"http://{heard(account).host}/hook").code == 5

    assert heard(account).received == []
    assert aig("check", "--notify-url", f"http://{heard(account).host}/hook").code == 1
    assert [each["findings"][0]["event"] for each in heard(account).json] == ["new"]


@pytest.mark.parametrize("variable", ["AIG_BILLING_CREDIT_DAYS", "AIG_BILLING_STALE_AFTER", "AIG_BILLING_REMIND_DAYS"])
def test_a_limit_that_is_no_number_is_refused(variable: str, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    run_out(account)
    monkeypatch.setenv(variable, "seven")

    ran = aig("check")

    assert ran.code == 2
    assert variable in ran.err


@pytest.mark.parametrize("words", [["load"], ["check", "--json"]])
def test_an_address_without_its_option_is_not_quoted(words: list[str]) -> None:
    ran = aig(*words, f"slack://{SECRET}/{SECRET}")

    assert ran.code == 2
    assert SECRET not in ran.err


@pytest.mark.thorough
def test_a_load_without_a_token_is_told_by_the_memory_of_the_database_that_was_named(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("billing.duckdb").rename("mine.duckdb")
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")

    assert [aig("load", "--database", "mine.duckdb").code for _ in range(2)] == [2, 2]

    assert len(heard(account).received) == 1
    assert "mine.duckdb on" in heard(account).messages[0]


BUDGET = '[sources.ai_gateway_billing.budgets.team]\namount = 1000000\nperiod = "month"\n'


@pytest.mark.thorough
def test_a_budget_that_is_new_in_the_settings_is_said_to_wait_for_the_next_load(
    loaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copyfile(loaded, "billing.duckdb")
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
