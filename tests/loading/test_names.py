"""What accounts are called: by Cloudflare, or by an alias of the settings, which wins."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ai_gateway_billing_pipeline.loading import forget
from ai_gateway_billing_pipeline.loading import load as loading
from ai_gateway_billing_pipeline.loading.sql import FileSql
from support.bench import Bench
from support.constants import ACCOUNT, DAY, NOW, OTHER

UNKNOWN = "c" * 32


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two accounts that Cloudflare calls by the mail addresses of those who made them."""
    bench = Bench(tmp_path, start="2026-11-20").with_tables()
    for account_id, name in ((ACCOUNT, "ann@example.com's Account"), (OTHER, "ben@example.com's Account")):
        bench.account(account_id).set_balance(640)
        bench.world.accounts[account_id].name = name
    yield bench
    bench.close()


def load(bench: Bench, accounts: Any = "all", **aliases: str) -> None:
    """One load under settings with these aliases, `a` and `b` being the two accounts."""
    named = {{"a": ACCOUNT, "b": OTHER}.get(key, key): alias for key, alias in aliases.items()}
    plain = loading.Settings

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.bench.Settings", lambda **given: replace(plain(**given), aliases=named))
        bench.load_well(accounts, only=("credit_balance",))


def names(bench: Bench) -> list[str | None]:
    return [name for (name,) in bench.rows("select account_name from spend.accounts order by account_id")]


def test_an_account_is_called_as_cloudflare_calls_it(bench: Bench) -> None:
    load(bench)

    assert names(bench) == ["ann@example.com's Account", "ben@example.com's Account"]


def test_an_alias_wins_until_it_is_set_no_more(bench: Bench) -> None:
    load(bench, a="Research")
    assert names(bench) == ["Research", "ben@example.com's Account"]

    load(bench, b="Production")
    assert names(bench) == ["ann@example.com's Account", "Production"]


def test_a_name_changes_with_cloudflares(bench: Bench) -> None:
    load(bench)
    times = "select named_at from {raw}.account_names order by account_id"
    bench.now += DAY
    load(bench)
    assert bench.rows(times) == [(NOW,), (NOW,)]

    bench.world.accounts[ACCOUNT].name = "Research Ltd"
    load(bench)

    assert names(bench)[0] == "Research Ltd"
    assert bench.rows(times) == [(bench.now,), (NOW,)]


def test_named_accounts_get_their_names_without_a_request_more(bench: Bench) -> None:
    """The clock asks for the list of accounts anyway; of the others in it nothing is kept."""
    load(bench, [ACCOUNT])

    assert names(bench) == ["ann@example.com's Account"]
    assert bench.rows("select account_id from {raw}.account_names") == [(ACCOUNT,)]
    assert [request.endpoint for request in bench.simulator.requests].count("accounts") == 1


def test_a_token_that_may_not_list_accounts_leaves_names_as_they_were(bench: Bench) -> None:
    load(bench, [ACCOUNT])
    bench.faults.add(403, endpoint="accounts")
    bench.now += DAY
    load(bench, [ACCOUNT], a="Research")
    assert names(bench) == ["Research"]

    load(bench, [ACCOUNT])
    assert names(bench) == ["ann@example.com's Account"]


@pytest.mark.parametrize("name", ["", "   "])
def test_what_is_no_name_is_none(bench: Bench, name: str) -> None:
    bench.world.accounts[ACCOUNT].name = name
    load(bench, ACCOUNT)

    assert names(bench) == [None]


def test_an_alias_of_an_account_that_is_not_here_is_a_warning(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load(bench, **{UNKNOWN: "Nobody"})

    assert [record.getMessage() for record in caplog.records] == [
        f"No such account here, so its alias is of no use: {UNKNOWN}."
    ]
    assert bench.one("select count(*) from {raw}.account_names where account_id = $1", UNKNOWN) == 0


def test_no_log_line_holds_a_mail_address(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        load(bench, a="ann@example.com")

    assert "@example.com" not in caplog.text


def test_focus_has_the_name_for_people_and_the_id_where_there_is_none(bench: Bench) -> None:
    bench.world.accounts[OTHER].name = ""
    for account in bench.world.accounts.values():
        account.set_hour(bench.now.replace(minute=0) - DAY, 5)
    bench.load_well()

    query = (
        "select distinct BillingAccountId, BillingAccountName, SubAccountId, SubAccountName from spend.focus order by 1"
    )
    assert bench.rows(query) == [
        (ACCOUNT, "ann@example.com's Account", ACCOUNT, "ann@example.com's Account"),
        (OTHER, None, OTHER, OTHER),
    ]


def test_a_forgotten_account_has_no_name_left(bench: Bench, tmp_path: Path) -> None:
    import duckdb

    load(bench, a="Research")
    bench.close()
    with duckdb.connect(str(bench.database)) as connection:
        forget.forget(FileSql(connection), ACCOUNT)

        assert connection.execute("select account_id from ai_gateway_billing.account_names").fetchall() == [(OTHER,)]
