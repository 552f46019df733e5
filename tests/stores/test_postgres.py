"""Loads into a real Postgres: whole or not at all, healed, in order, and with words for what goes wrong."""

from __future__ import annotations

import contextlib
import logging
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dlt.destinations.sql_client import SqlClientBase

from ai_gateway_billing.errors import BillingError, SettingsError
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID
from ai_gateway_billing_pipeline.loading import destinations, forget, store
from ai_gateway_billing_pipeline.settings import Store
from support.bench import Bench
from support.constants import ACCOUNT, HOUR, OTHER
from support.postgres import Database

RAW = ("usage_hourly", "usage_daily", "usage_coverage", "invoices", "credit_balance", "load_status")
WHERE = Store(Path("billing.duckdb"), "postgres")


def counts(postgres: Database, *tables: str) -> dict[str, int]:
    return {each: postgres.rows(f"select count(*) from ai_gateway_billing.{each}")[0][0] for each in tables or RAW}


def coverage(postgres: Database) -> list[Any]:
    return postgres.rows("select * from ai_gateway_billing.usage_coverage order by account_id, day, grouping")


def schemas(postgres: Database) -> list[str]:
    found = postgres.rows(
        "select schema_name from information_schema.schemata where schema_name like 'ai_%' order by 1"
    )
    return [name for (name,) in found]


def test_a_load_leaves_its_rows_and_nothing_else(
    bench: Bench, postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        bench.load_well([ACCOUNT], destination="postgres")

    assert postgres.rows("select account_id from ai_gateway_billing.credit_balance") == [(ACCOUNT,)]
    assert schemas(postgres) == ["ai_gateway_billing"]
    assert caplog.messages == []


# --- whole or not at all ---------------------------------------------------------------------------------------------


class Died(BaseException):
    """Stands for a process that ends at this very statement."""


LAST = 'INSERT INTO "ai_gateway_billing"."_dlt_loads"'
MIDDLE = 'INSERT INTO "ai_gateway_billing"."usage_coverage"'


@pytest.mark.parametrize("statement", [MIDDLE, LAST])
def test_a_load_that_dies_while_it_merges_changes_nothing(
    bench: Bench, postgres: Database, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    bench.load_well([ACCOUNT], destination="postgres")
    before = counts(postgres), coverage(postgres)
    bench.world.accounts[ACCOUNT].set_hour(bench.now.replace(minute=0) - HOUR, 7)
    bench.now += HOUR

    with monkeypatch.context() as patch:
        _die_at(patch, statement)
        with pytest.raises(Died):
            bench.load([ACCOUNT], destination="postgres")

    assert (counts(postgres), coverage(postgres)) == before
    bench.load_well([ACCOUNT], destination="postgres")
    newest = postgres.rows("select max(last_success_at) from ai_gateway_billing.load_status")
    assert newest == [(bench.now,)]
    assert counts(postgres)["usage_hourly"] == before[0]["usage_hourly"] + 1


def _die_at(patch: pytest.MonkeyPatch, statement: str) -> None:
    """In the transaction of the load, where the statement is sent to a table of results."""
    from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

    send: Any = Psycopg2SqlClient.execute_sql

    def dying(client: SqlClientBase[Any], sql: Any, *values: Any, **named: Any) -> Any:
        if not client.native_connection.autocommit and statement in str(sql):
            client.native_connection.close()
            raise Died
        return send(client, sql, *values, **named)

    patch.setattr(Psycopg2SqlClient, "execute_sql", dying)


def test_states_and_loads_of_dlt_do_not_pile_up(bench: Bench, postgres: Database) -> None:
    for _ in range(4):
        bench.load_well([ACCOUNT], destination="postgres")
        bench.now += timedelta(days=20)
        bench.world.inject("credit-balance", f"extra_{bench.now:%d}", 1)

    found = counts(postgres, "_dlt_pipeline_state", "_dlt_version")
    assert found == {"_dlt_pipeline_state": 1, "_dlt_version": 1}


# --- mended ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_was_ahead_is_corrected(bench: Bench, postgres: Database) -> None:
    bench.load_well([ACCOUNT], destination="postgres")
    later = "timestamptz '2027-06-01'"
    postgres.rows(f"update ai_gateway_billing.credit_balance set _dlt_valid_from = {later}")
    postgres.rows(f"update ai_gateway_billing.load_status set last_attempt_at = {later}, last_success_at = {later}")
    bench.now += HOUR

    bench.load_well([ACCOUNT], destination="postgres")

    assert postgres.rows("select max(_dlt_valid_from) < now() from ai_gateway_billing.credit_balance") == [(True,)]
    assert postgres.rows("select distinct last_success_at from ai_gateway_billing.load_status") == [(bench.now,)]


# --- in order --------------------------------------------------------------------------------------------------------


def test_the_demo_is_refused_where_real_accounts_are(bench: Bench, postgres: Database) -> None:
    bench.load_well([ACCOUNT], destination="postgres")
    bench.account(DEMO_ACCOUNT_ID)
    before = counts(postgres)

    with pytest.raises(SettingsError, match="postgres contains a real account"):
        bench.load([DEMO_ACCOUNT_ID], destination="postgres", is_demo=True)

    assert counts(postgres) == before


def test_an_account_can_be_forgotten(bench: Bench, postgres: Database) -> None:
    bench.account(OTHER)
    bench.load_well([ACCOUNT, OTHER], destination="postgres")

    with store.changed(WHERE, forgets=ACCOUNT) as sql:
        forget.forget(sql, ACCOUNT)

    with store.read(WHERE) as sql:
        assert forget.held(sql, ACCOUNT) == {}
        assert forget.held(sql, OTHER)
    bench.load_well([ACCOUNT, OTHER], destination="postgres")
    assert counts(postgres)["usage_hourly"] == 24


def test_a_change_is_made_whole_or_not_at_all(postgres: Database) -> None:
    with store.changed(WHERE) as sql:
        sql.execute("create schema ai_gateway_billing")
        sql.execute("create table ai_gateway_billing.mine (name varchar)")
    with contextlib.suppress(KeyError), store.changed(WHERE) as sql:
        sql.execute("insert into ai_gateway_billing.mine values (%s)", "one")
        raise KeyError

    with store.changed(WHERE) as sql:
        assert list(sql.execute("select name from ai_gateway_billing.mine where name = %s", "one")) == []


# --- in words --------------------------------------------------------------------------------------------------------


def refusal(bench: Bench) -> BillingError:
    with pytest.raises(BillingError) as caught:
        bench.load([ACCOUNT], destination="postgres")
    return caught.value


def test_a_refused_connection_says_what_to_check(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, postgres: Database
) -> None:
    url = f"postgresql://me:not-told@127.0.0.1:{postgres.port}/nowhere"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", url)

    error = refusal(bench)

    assert isinstance(error, SettingsError)
    assert "Postgres refused or lost the connection" in str(error)
    assert "does not exist" in str(error)
    assert "DESTINATION__POSTGRES__CREDENTIALS" in str(error)
    assert "not-told" not in str(error)
    assert bench.simulator.requests == []


def test_a_user_who_may_not_write_is_told_so(bench: Bench, monkeypatch: pytest.MonkeyPatch, postgres: Database) -> None:
    with postgres.user() as user:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres.url.replace("//postgres:", f"//{user}:"))
        error = refusal(bench)

    assert "permission denied" in str(error)
    assert error.exit_code == 1


@pytest.mark.parametrize("name", ["postgres"])
def test_a_missing_driver_says_which_extra_of_ours(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    for module in ("sql_client", "postgres"):
        monkeypatch.delitem(sys.modules, f"dlt.destinations.impl.postgres.{module}", raising=False)

    with pytest.raises(SettingsError) as caught, destinations.opened(name):
        pass

    assert f"pip install '.[{name}]'" in str(caught.value)
