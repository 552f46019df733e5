"""Rules of the load that no other module has a test of its own for; docs/PROOF.md lists all of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.bench import USAGE, Bench
from support.constants import ACCOUNT, DAY, NOW, OTHER, TODAY

START = datetime(2026, 9, 1, tzinfo=NOW.tzinfo)
BOTH = (ACCOUNT, OTHER)
Starts = dict[tuple[str | None, str], datetime]


def two_accounts(folder: Path) -> Bench:
    bench = Bench(folder, start=f"{START:%Y-%m-%d}")
    for account_id in BOTH:
        bench.account(account_id).set_hour(TODAY - 20 * DAY, 1)
    return bench


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    two_accounts(folder).with_tables().load_well()
    return folder


@pytest.fixture
def bench(loaded_once: Path, tmp_path: Path) -> Iterator[Bench]:
    """Two loaded accounts; then weeks pass in which both go on."""
    bench = two_accounts(tmp_path).after(loaded_once)
    bench.now += 40 * DAY
    for account_id in BOTH:
        bench.world.accounts[account_id].set_hour(TODAY + 30 * DAY, 2)
        bench.world.accounts[account_id].set_balance(7)
    yield bench
    bench.close()


def asked_from(bench: Bench) -> Starts:
    """From when on a load without look-back asks for usage: account and grouping -> moment."""
    bench.simulator.requests.clear()
    bench.load_well(BOTH, lookback_days=0)
    found: Starts = {}
    for each in bench.simulator.requests:
        if each.endpoint == "usage-history":
            key = (each.account_id, each.query["value_grouping_window"])
            start = datetime(1970, 1, 1, tzinfo=NOW.tzinfo) + timedelta(milliseconds=int(each.query["start_time"]))
            found[key] = min(found.get(key, start), start)
    return found


def test_cursors_are_per_account_and_grouping(bench: Bench) -> None:
    bench.load_well([ACCOUNT], grouping="hour")

    found = asked_from(bench)

    read, unread = TODAY + 40 * DAY, TODAY
    assert found == {(account_id, grouping): unread for account_id in BOTH for grouping in USAGE} | {
        (ACCOUNT, "hour"): read
    }
    bench.assert_equals_world()


def test_an_accounts_failure_advances_and_holds_back_no_cursor_of_another(bench: Bench) -> None:
    bench.faults.add(500, endpoint="usage-history", account_id=OTHER)
    assert bench.load(BOTH).exit_code == 4
    bench.faults.clear()

    found = asked_from(bench)

    assert {found[ACCOUNT, grouping] for grouping in USAGE} == {TODAY + 40 * DAY}
    assert {found[OTHER, grouping] for grouping in USAGE} == {TODAY}
    bench.assert_equals_world()


def test_a_load_publishes_by_an_atomic_rename(bench: Bench) -> None:
    """Whoever has the old file open keeps all of it, and the name leads to another file."""
    with bench.database.open("rb") as reader:
        before, old = bench.database.read_bytes(), bench.database.stat().st_ino
        bench.load_well()

        assert reader.read() == before
    assert bench.database.stat().st_ino != old
    bench.assert_equals_world()


def test_a_load_works_in_its_own_folder_beside_the_published_file(bench: Bench) -> None:
    seen: set[str] = set()
    folder = bench.database.parent
    bench.faults.add("mutate", action=lambda _: seen.update(path.name for path in folder.iterdir()))

    bench.load_well()

    assert seen == {"billing.duckdb", "billing.duckdb.load"}
