"""Accounts that the API lists no more: marked, later out of `runway` and `check`, and never without their history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import checks, views
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER


def two_accounts(folder: Path) -> Bench:
    """Each with a balance."""
    bench = Bench(folder, start="2026-11-20")
    for account_id in (ACCOUNT, OTHER):
        bench.account(account_id).set_balance(640)
        bench.world.accounts[account_id].set_hour(NOW.replace(minute=0) - HOUR, 5)
    return bench


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    two_accounts(folder).with_tables().load_well()
    return folder


@pytest.fixture
def bench(loaded_once: Path, tmp_path: Path) -> Iterator[Bench]:
    """The accounts after a load of them, which each test has for itself."""
    bench = two_accounts(tmp_path).after(loaded_once)
    yield bench
    bench.close()


def load_later(bench: Bench, days: int, accounts: str = "all") -> None:
    bench.now = NOW + days * DAY
    bench.load(accounts, only=("credit_balance",))


def vanish(bench: Bench) -> None:
    del bench.world.accounts[OTHER]


def marks(bench: Bench) -> list[tuple[str, datetime, bool]]:
    return bench.rows("select account_id, last_listed_at, is_gone from spend.accounts order by account_id")


def in_runway(bench: Bench) -> list[str]:
    return [account_id for (account_id,) in bench.rows("select account_id from spend.runway order by account_id")]


def with_findings(bench: Bench) -> set[str]:
    """Data of more than two days is stale here, so that the schedule has not stopped when a load was two days ago."""
    return {found.account_id for found in checks.findings(bench.published, bench.now, checks.Limits(stale_after=50))}


def test_an_account_that_is_listed_is_marked_though_it_cannot_be_read(bench: Bench) -> None:
    bench.faults.add(403, account_id=OTHER)
    load_later(bench, 40)

    assert marks(bench) == [(ACCOUNT, bench.now, False), (OTHER, bench.now, False)]


@pytest.mark.parametrize(("days", "is_gone"), [(1, False), (35, False), (36, True)])
def test_an_account_that_is_listed_no_more_leaves_runway_and_check_after_35_days(
    bench: Bench, days: int, is_gone: bool
) -> None:
    vanish(bench)
    load_later(bench, days)

    assert marks(bench) == [(ACCOUNT, bench.now, False), (OTHER, NOW, is_gone)]
    assert in_runway(bench) == [ACCOUNT] if is_gone else [ACCOUNT, OTHER]
    bench.now += 2 * DAY
    assert with_findings(bench) == ({ACCOUNT} if is_gone else {ACCOUNT, OTHER})


@pytest.mark.thorough
def test_its_history_stays_in_all_other_views(bench: Bench) -> None:
    kept = ("hourly", "daily", "monthly", "balance", "reconciliation")
    query = "select count(*) from spend.{} where account_id = $1"
    before = [bench.one(query.format(view), OTHER) for view in kept]
    vanish(bench)
    load_later(bench, 40)

    assert [bench.one(query.format(view), OTHER) for view in kept] == before
    assert all(before)


def test_it_is_back_as_soon_as_it_is_listed_again(bench: Bench) -> None:
    account = bench.world.accounts.pop(OTHER)
    load_later(bench, 40)
    bench.world.accounts[OTHER] = account
    load_later(bench, 41)

    assert in_runway(bench) == [ACCOUNT, OTHER]


def test_an_account_that_is_named_counts_as_listed_when_it_can_be_read(bench: Bench) -> None:
    bench.faults.add(403, account_id=OTHER)
    load_later(bench, 40, f"{ACCOUNT},{OTHER}")

    assert marks(bench) == [(ACCOUNT, bench.now, False), (OTHER, NOW, True)]


@pytest.mark.thorough
def test_loads_of_each_account_by_itself_leave_both_in_place(bench: Bench) -> None:
    load_later(bench, 40, ACCOUNT)
    load_later(bench, 40, OTHER)

    assert in_runway(bench) == [ACCOUNT, OTHER]


def test_when_nobody_loads_nobody_leaves(bench: Bench) -> None:
    bench.now += 400 * DAY

    assert with_findings(bench) == {""}, "the schedule has stopped, which is nobody's fault alone"
    assert in_runway(bench) == [ACCOUNT, OTHER]


def test_what_is_stale_because_it_vanished_is_told_as_such(bench: Bench) -> None:
    vanish(bench)
    load_later(bench, 3)
    told = [found for found in checks.findings(bench.published, bench.now) if found.account_id == OTHER]

    stale = next(found.finding for found in told if found.check == "stale_data")
    assert "last listed on 2026-11-22" in stale
    assert "aig-billing account forget" in stale


@pytest.mark.thorough
def test_a_file_of_an_older_version_counts_its_accounts_as_listed_when_last_loaded(bench: Bench) -> None:
    bench.close()
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("drop schema spend cascade")
        connection.execute("alter table ai_gateway_billing.load_status drop column last_listed_at")
    vanish(bench)
    load_later(bench, 36)

    assert marks(bench) == [(ACCOUNT, bench.now, False), (OTHER, NOW, True)]


def test_without_any_record_of_loads_every_account_is_there() -> None:
    """As in a destination that only dlt writes."""
    with duckdb.connect() as connection:
        connection.execute("create schema ai_gateway_billing")
        connection.execute(
            "create table ai_gateway_billing.usage_daily as select 'a' as account_id, now() as bucket_start, "
            "1.5 as aggregated_value"
        )
        views.apply(connection, "cents")

        assert connection.execute("select last_listed_at, is_gone from spend.accounts").fetchall() == [(None, False)]


def test_a_clock_that_was_ahead_once_makes_nobody_gone(bench: Bench) -> None:
    """What it wrote counts as just before now, as all that a wrong clock wrote."""
    bench.close()
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute(
            "update ai_gateway_billing.load_status set last_listed_at = '2027-03-01 00:00:00+00' where account_id = $1",
            [ACCOUNT],
        )
    load_later(bench, 1, OTHER)

    assert in_runway(bench) == [ACCOUNT, OTHER]
    assert all(listed_at <= bench.now for _, listed_at, _ in marks(bench))
