"""A whole load is merged in one transaction, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.schema.utils import new_table
from dlt.destinations.sql_client import SqlClientBase

from ai_gateway_billing_pipeline.loading import atomic
from support.bench import Bench
from support.constants import ACCOUNT, HOUR
from support.postgres import Database

RAW = ("usage_hourly", "usage_daily", "usage_coverage", "invoices", "credit_balance", "load_status")


def counts(postgres: Database) -> dict[str, int]:
    return {each: postgres.rows(f"select count(*) from ai_gateway_billing.{each}")[0][0] for each in RAW}


def coverage(postgres: Database) -> list[Any]:
    return postgres.rows("select * from ai_gateway_billing.usage_coverage order by account_id, day, grouping")


class Died(BaseException):
    """Stands for a process that ends at this very statement."""


LAST = 'INSERT INTO "ai_gateway_billing"."_dlt_loads"'
MIDDLE = 'INSERT INTO "ai_gateway_billing"."usage_coverage"'


@pytest.mark.stores
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


# --- without a server ----------------------------------------------------------------------------------------------


def asked() -> None:
    """The lock of a load."""


def client(kind: Any, folder: Path) -> Any:
    """Of a load that nobody has connected yet."""
    destination = kind("postgresql://me:open-sesame@127.0.0.1:1/billing")
    destination.before_commit = asked
    return dlt.pipeline("any", pipelines_dir=str(folder), destination=destination).destination_client()


def test_rows_are_sent_in_the_one_way_that_is_tested(tmp_path: Path) -> None:
    assert client(atomic.Postgres, tmp_path).capabilities.supported_loader_file_formats == ["insert_values"]


def test_every_client_asks_the_lock_of_its_load(tmp_path: Path) -> None:
    assert client(atomic.Postgres, tmp_path).before_commit is asked


@pytest.mark.parametrize(("kind", "jobs"), [(atomic.Postgres, 0), (dlt.destinations.postgres, 1)])
def test_no_table_is_merged_by_itself_as_dlt_does(kind: Any, jobs: int, tmp_path: Path) -> None:
    of_a_load = client(kind, tmp_path)
    columns: Any = [{"name": "account_id", "data_type": "text", "merge_key": True}]
    of_a_load.schema.update_table(new_table("usage_daily", write_disposition="merge", columns=columns))
    table = of_a_load.prepare_load_table("usage_daily")

    assert len(of_a_load.create_table_chain_completed_followup_jobs([table])) == jobs
