"""`status` and `check` of many accounts: short, complete where it is asked for, and no dearer than the accounts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import Ran, aig
from support.constants import ACCOUNT, OTHER
from support.many import ILL_EVERY, many
from support.spending import two_accounts

FIRST = f"{1:032x}"


@pytest.fixture(scope="module")
def of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """The database of so many accounts."""
    made: dict[int, str] = {}

    def make(count: int) -> str:
        if count not in made:
            made[count] = str(many(tmp_path_factory.mktemp(f"of{count}"), count))
        return made[count]

    return make


def run(*arguments: str) -> Ran:
    ran = aig(*arguments)
    assert not ran.err
    return ran


def test_twenty_accounts_are_shown_one_by_one(of: Callable[[int], str]) -> None:
    told = run("status", "--database", of(20)).out

    assert told.count("Account ") == 20
    assert "need attention" not in told


def test_more_are_counted_and_those_that_need_attention_listed(of: Callable[[int], str]) -> None:
    lines = run("status", "--database", of(3 * ILL_EVERY)).out.splitlines()

    words = [line.split() for line in lines]
    assert ["150", "accounts"] in words
    assert ["usage_hourly", "150", "7200", "2026-11-21", "23:00", "2026-11-22", "00:00", "–", "3"] in words
    assert ["invoices", "150", "150", "2026-11-20", "00:00", "2026-11-22", "00:00", "3", "–"] in words
    assert ["9", "accounts", "need", "attention"] in words
    assert [FIRST, "usage_hourly", "1", "day", "missing"] in words
    assert [f"{2:032x}", "invoices", "1", "quarantined"] in words
    assert any(
        line.startswith(f"{ILL_EVERY:032x}   invoices       failed 2026-11-22 00:00: Cloudflare") for line in lines
    )
    assert lines[-1] == "--account ID shows one, --all every account."


def test_the_output_does_not_grow_with_the_accounts(of: Callable[[int], str]) -> None:
    """Those that need attention grow with them here; what is left out is counted."""
    status, check = run("status", "--database", of(1600)), run("check", "--database", of(1600))

    assert len(status.out.splitlines()) < 80
    assert "78 lines are left out." in status.out
    assert len(check.out.splitlines()) < 130  # a finding is a heading and a sentence
    assert "coverage_gaps: 48 more of severity error, in all of 32 accounts. --json lists them." in check.out
    assert " checks: " in check.out.splitlines()[-1]
    assert len(run("check", "--json", "--database", of(1600)).json["findings"]) > 90


def test_chosen_and_all_accounts_are_shown_in_full(of: Callable[[int], str]) -> None:
    database = of(3 * ILL_EVERY)

    one = run("status", "--database", database, "--account", FIRST)
    two = run("status", "--database", database, "--account", FIRST, "--account", f"{2:032x}", "--json")
    everything = run("status", "--database", database, "--all")
    unknown = aig("status", "--database", database, "--account", "f" * 32)

    assert one.out.count("Account ") == 1
    assert f"Account {FIRST}" in one.out
    assert "2 whole days, 1 missing" in one.out
    assert list(two.json["accounts"]) == [FIRST, f"{2:032x}"]
    assert everything.out.count("Account ") == 150
    assert (unknown.code, unknown.out) == (2, "")
    assert f"--account {'f' * 32}: no such account." in unknown.err


@pytest.fixture
def named(tmp_path: Path) -> str:
    """One account with an alias, one with a name of Cloudflare's."""
    two_accounts(tmp_path).close()
    return str(tmp_path / "billing.duckdb")


@pytest.mark.parametrize("word", [ACCOUNT, "research", "ann@example.com's account"])
def test_accounts_are_shown_and_chosen_by_their_names(word: str, named: str) -> None:
    everything, one = run("status", "--database", named), run("status", "--database", named, "--account", word)

    assert f"Account Research ({ACCOUNT})" in everything.out
    assert f"Account Production ({OTHER})" in everything.out
    assert f"Account Research ({ACCOUNT})" in one.out
    assert OTHER not in one.out
    assert run("status", "--database", named, "--json").json["names"] == {ACCOUNT: "Research", OTHER: "Production"}


def test_json_has_every_account_and_resource(of: Callable[[int], str]) -> None:
    accounts = run("status", "--json", "--database", of(3 * ILL_EVERY)).json["accounts"]

    assert len(accounts) == 150
    assert {len(resources) for resources in accounts.values()} == {8}
    assert accounts[FIRST]["usage_hourly"]["coverage"]["missing"] == 1


@pytest.mark.thorough
@pytest.mark.parametrize("command", ["status", "check"])
def test_sixteen_times_as_many_accounts_cost_no_more_than_sixteen_times_as_much(
    command: str, of: Callable[[int], str]
) -> None:
    def cost(database: str) -> float:
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            run(command, "--database", database, "--json")
            best = min(best, time.process_time() - began)
        return best

    assert cost(of(1600)) < 16 * cost(of(100))
