"""Several writers at once: each with its accounts, none in the way of another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.budgets import budgets_in
from ai_gateway_billing_pipeline.loading import destinations, locks
from ai_gateway_billing_pipeline.loading.sql import ClientSql
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, OTHER
from support.postgres import Database, until
from support.processes import LOOPBACK, Ending, Place, Run

pytestmark = [LOOPBACK, pytest.mark.stores]


def full(account: Any, bench: Bench) -> None:
    for hour in range(24):
        account.set_hour(bench.now.replace(hour=0, minute=0) - DAY + hour * HOUR, hour + 1)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path, start="2026-11-20")
    for account_id in (ACCOUNT, OTHER):
        full(made.account(account_id), made)
    return made


def hours(postgres: Database) -> dict[str, int]:
    return dict(postgres.rows("select account_id, count(*) from ai_gateway_billing.usage_hourly group by 1"))


def test_an_account_of_another_shard_is_refused_until_it_is_taken_over(bench: Bench, postgres: Database) -> None:
    bench.load_well([ACCOUNT], destination="postgres", shard="eu")
    with pytest.raises(SettingsError, match=f"Account {ACCOUNT} belongs to shard eu.*--take-over"):
        bench.load([ACCOUNT, OTHER], destination="postgres", shard="us")
    assert hours(postgres) == {ACCOUNT: 24}

    bench.load_well([ACCOUNT, OTHER], destination="postgres", shard="us", take_over=True)

    assert hours(postgres) == {ACCOUNT: 24, OTHER: 24}
    assert postgres.rows("select distinct shard from ai_gateway_billing.shard_accounts") == [("us",)]
    with pytest.raises(SettingsError, match="belongs to shard us"):
        bench.load([ACCOUNT], destination="postgres", shard="eu")
    with pytest.raises(SettingsError, match="belongs to shard us"):
        bench.load([OTHER], destination="postgres")


def test_a_table_that_is_lost_is_read_again_by_each_shard(bench: Bench, postgres: Database) -> None:
    for shard, account_id in (("eu", ACCOUNT), ("us", OTHER)):
        bench.load_well([account_id], destination="postgres", shard=shard)
    postgres.rows("drop table ai_gateway_billing.usage_hourly")

    for shard, account_id in (("eu", ACCOUNT), ("us", OTHER)):
        bench.load_well([account_id], destination="postgres", shard=shard)

    assert hours(postgres) == {ACCOUNT: 24, OTHER: 24}


def served(bench: Bench, folder: Path, url: str) -> Place:
    """Loads of the same world into the same database, in processes of their own."""
    return Place(folder, url, bench.simulator, ["--start", bench.start]).into("postgres")


SHARED = """
from ai_gateway_billing_pipeline.budgets import budgets_in
from ai_gateway_billing_pipeline.loading import destinations, locks
from ai_gateway_billing_pipeline.loading.sql import ClientSql
own = destinations.SUPPORTED["postgres"]
shared = lambda destination_name, **_: own(
    destination_name=destination_name, staging_dataset_name_layout="ai_gateway_billing_staging"
)
destinations.SUPPORTED = {**destinations.SUPPORTED, "postgres": shared}
"""


def meanwhile(
    bench: Bench, folder: Path, patch: pytest.MonkeyPatch, *options: str, prepare: Callable[[], None] | None = None
) -> Ending:
    """Load shard eu, and a second one by these options when the rows of the first are staged and not yet merged."""
    make: Any = SqlMergeFollowupJob.generate_sql.__func__  # type: ignore[attr-defined]
    endings: list[Ending] = []

    with bench.simulator.serve() as url:
        place = served(bench, folder, url)

        def pausing(cls: Any, *arguments: Any) -> Any:
            if not endings:
                endings.append(place.run(*options, prepare=prepare))
            return make(cls, *arguments)

        patch.setattr(SqlMergeFollowupJob, "generate_sql", classmethod(pausing))
        bench.load_well([ACCOUNT], destination="postgres", shard="eu")
    return endings[0]


def test_a_shard_that_loads_between_anothers_staging_and_merge_loses_nothing(
    bench: Bench, postgres: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ending = meanwhile(bench, tmp_path, monkeypatch, "--shard", "us", "--account", OTHER)

    assert ending.code == 0, ending
    assert hours(postgres) == {ACCOUNT: 24, OTHER: 24}


@pytest.mark.slow
def test_with_one_staging_dataset_for_all_shards_rows_would_be_lost(
    bench: Bench, postgres: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As dlt does it by itself; it shows that the test above can fail."""
    monkeypatch.setattr(destinations, "SUPPORTED", destinations.SUPPORTED)  # put back after the test
    exec(SHARED, {})
    prepare = partial(exec, SHARED, {})

    ending = meanwhile(bench, tmp_path, monkeypatch, "--shard", "us", "--account", OTHER, prepare=prepare)

    assert ending.code == 0, ending
    assert hours(postgres) != {ACCOUNT: 24, OTHER: 24}, "and both loads ended well"


def test_the_same_shard_is_busy_meanwhile_and_named(
    bench: Bench, postgres: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ending = meanwhile(bench, tmp_path, monkeypatch, "--shard", "eu", "--account", ACCOUNT)

    assert ending.code == 5, ending
    assert "In postgres, shard eu is in use by aig-billing eu, process" in ending.err
    assert hours(postgres) == {ACCOUNT: 24}


# --- what all shards share -------------------------------------------------------------------------------------------

BUDGETS = {"all": {"amount": 100, "period": "month"}}
BEFORE_IT_COMMITS = (locks.Advisory, "check")
BETWEEN_OLD_AND_NEW_BUDGETS = (ClientSql, "execute")
_STANDING = "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"


@pytest.mark.parametrize(
    ("moment", "argument", "rows"),
    [
        (BEFORE_IT_COMMITS, "", "select table_name, field from ai_gateway_billing.unknown_fields"),
        (
            BETWEEN_OLD_AND_NEW_BUDGETS,
            "insert into ai_gateway_billing.budgets",
            "select name from ai_gateway_billing.budgets",
        ),
    ],
    ids=["unknown_fields", "budgets"],
)
def test_what_two_shards_write_at_the_same_moment_is_there_once(
    bench: Bench,
    postgres: Database,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    moment: tuple[type, str],
    argument: str,
    rows: str,
) -> None:
    """The second one comes when the first has looked and written, and nobody sees that yet."""
    bench.world.inject("usage-history", "history.*.model", "gpt-5.5")
    bench.budgets = budgets_in(BUDGETS)
    others: list[Run] = []
    step: Any = getattr(*moment)

    with bench.simulator.serve() as url:
        place = served(bench, tmp_path, url)
        place.settings["SOURCES__AI_GATEWAY_BILLING__BUDGETS"] = json.dumps(BUDGETS)

        def stopping(*arguments: Any) -> Any:
            if not others and argument in str(arguments[1]):
                others.append(place.start("--shard", "us", "--account", OTHER))
                until(lambda: not others[0].process.is_alive() or postgres.rows(_STANDING) == [(True,)], 120)
            return step(*arguments)

        monkeypatch.setattr(*moment, stopping)
        bench.load_well([ACCOUNT], destination="postgres", shard="eu")
        ending = others[0].end()

    assert ending.code == 0, ending
    assert len(found := postgres.rows(rows)) == len(set(found)) > 0
    assert hours(postgres) == {ACCOUNT: 24, OTHER: 24}


MERGED = re.compile(r'INSERT INTO "ai_gateway_billing"."usage_(daily|hourly)"')


def test_a_shard_that_changes_tables_which_another_is_merging_into_waits_for_it(
    bench: Bench, postgres: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Both take their locks in one order: else each would wait for the other, until Postgres ends one of them."""
    for shard, account_id in (("eu", ACCOUNT), ("us", OTHER)):
        bench.load_well([account_id], destination="postgres", shard=shard)
    bench.world.inject("usage-history", "history.*.model", "gpt-5.5", OTHER)
    bench.now += HOUR
    merged: set[str] = set()
    others: list[Run] = []
    send: Any = Psycopg2SqlClient.execute_sql

    with bench.simulator.serve() as url:
        place = served(bench, tmp_path, url)

        def stopping(client: Any, sql: Any, *values: Any, **named: Any) -> Any:
            found = MERGED.search(str(sql))
            if found and merged and not others and not client.native_connection.autocommit:
                others.append(place.start("--shard", "us", "--account", OTHER))
                until(lambda: postgres.rows(_STANDING) == [(True,)], 120)
            sent = send(client, sql, *values, **named)
            merged.update(found.groups() if found else ())
            return sent

        monkeypatch.setattr(Psycopg2SqlClient, "execute_sql", stopping)
        bench.load_well([ACCOUNT], destination="postgres", shard="eu")
        ending = others[0].end()

    assert ending.code == 0, ending
    assert postgres.rows("select distinct account_id, model from ai_gateway_billing.usage_daily order by 1") == [
        (ACCOUNT, None),
        (OTHER, "gpt-5.5"),
    ]
    assert hours(postgres) == {ACCOUNT: 24, OTHER: 24}
