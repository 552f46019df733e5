"""The state of each resource, as the database tells it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.database.holdings import Coverage, Holding, holdings
from support.command import aig
from support.constants import ACCOUNT, OTHER

DATABASE = Path("billing.duckdb")
LOADED = f"""
    create schema ai_gateway_billing;
    use ai_gateway_billing;
    set timezone = 'UTC';
    create table usage_hourly (account_id varchar, start_time timestamptz, aggregated_value decimal(38, 18));
    insert into usage_hourly values
        ('{ACCOUNT}', '2026-11-20 23:00:00Z', 1.5), ('{ACCOUNT}', '2026-11-21 10:00:00Z', 2.000000000000000001),
        ('{OTHER}', '2026-11-19 00:00:00Z', 40);
    create table usage_coverage (account_id varchar, "grouping" varchar, day date, read_until timestamptz);
    insert into usage_coverage values
        ('{ACCOUNT}', 'hour', '2026-11-18', '2026-11-19 00:00:00Z'),
        ('{ACCOUNT}', 'hour', '2026-11-20', '2026-11-21 00:00:00Z'),
        ('{ACCOUNT}', 'hour', '2026-11-21', '2026-11-21 11:00:00Z');
    create table credit_balance (account_id varchar, balance decimal(38, 18), _dlt_valid_from timestamptz);
    create table load_status (
        account_id varchar, resource varchar, status varchar, error varchar, skipped varchar,
        last_attempt_at timestamptz, last_success_at timestamptz
    );
    insert into load_status values
        ('{ACCOUNT}', 'usage_hourly', 'ok', null, null, '2026-11-21 11:30:00Z', '2026-11-21 11:30:00Z'),
        ('{ACCOUNT}', 'invoice_preview', 'skipped', null, 'nothing to preview', '2026-11-21 11:30:00Z', null),
        ('{OTHER}', 'usage_hourly', 'failed', 'It was refused.', null, '2026-11-21 11:30:00Z', '2026-11-20 11:30:00Z');
    create table quarantine (account_id varchar, resource varchar);
    insert into quarantine values ('{ACCOUNT}', 'invoice_preview__invoice_lines'), ('{ACCOUNT}', 'invoice_preview');
    create table unknown_fields (table_name varchar, field varchar, data_type varchar, first_seen_at timestamptz);
    insert into unknown_fields values ('usage_hourly', 'model', 'text', '2026-11-20 11:30:00Z');
"""


def make(sql: str) -> None:
    with duckdb.connect(str(DATABASE)) as connection:
        connection.execute(sql)


def holding(account_id: str, resource: str) -> Holding:
    with read.connect(DATABASE) as connection:
        return next(h for h in holdings(connection) if (h.account_id, h.resource) == (account_id, resource))


def test_each_resource_has_its_rows_its_newest_and_its_last_load() -> None:
    make(LOADED)

    found = holding(ACCOUNT, "usage_hourly")

    assert (found.rows, found.status, found.error) == (2, "ok", None)
    assert found.newest == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert found.last_success_at == datetime(2026, 11, 21, 11, 30, tzinfo=UTC)


def test_coverage_counts_whole_days_and_those_that_are_missing() -> None:
    make(LOADED)

    covered = holding(ACCOUNT, "usage_hourly").coverage

    assert covered == Coverage(date(2026, 11, 18), datetime(2026, 11, 21, 11, tzinfo=UTC), days=2, missing=1)


def test_coverage_is_as_old_as_the_usage_that_it_is_about() -> None:
    make(LOADED)

    assert holding(ACCOUNT, "usage_coverage").last_success_at == datetime(2026, 11, 21, 11, 30, tzinfo=UTC)


def test_a_failed_resource_keeps_its_last_success() -> None:
    make(LOADED)

    found = holding(OTHER, "usage_hourly")

    assert (found.status, found.error, found.rows) == ("failed", "It was refused.", 1)
    assert found.last_success_at == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


def test_quarantined_items_of_child_tables_count_with_their_resource() -> None:
    make(LOADED)

    assert holding(ACCOUNT, "invoice_preview").quarantined == 2


def test_status_tells_all_of_it() -> None:
    make(LOADED)

    result = aig("status")

    assert result.code == 0, result.err
    assert result.out.index(ACCOUNT) < result.out.index(OTHER)
    assert "usage_hourly covers 2026-11-18 to 2026-11-21 11:00: 2 whole days, 1 missing." in result.out
    assert "nothing to preview; 2 quarantined" in result.out
    assert "failed 2026-11-21 11:30: It was refused." in result.out
    assert "Unknown field usage_hourly.model (text), since 2026-11-20 11:30." in result.out


def test_status_as_json() -> None:
    make(LOADED)

    status = aig("status", "--json").json

    usage = status["accounts"][ACCOUNT]["usage_hourly"]
    assert status["database"] == "billing.duckdb"
    assert status["quarantined"] == 2
    assert status["unknown_fields"][0]["field"] == "model"
    assert usage["rows"] == 2
    assert usage["cursor"] == "2026-11-21T11:00:00Z"
    assert usage["coverage"] == {
        "first_day": "2026-11-18",
        "read_until": "2026-11-21T11:00:00Z",
        "days": 2,
        "missing": 1,
    }


def test_status_of_tables_without_any_account() -> None:
    make(
        "create schema ai_gateway_billing;"
        "create table ai_gateway_billing.invoices (account_id varchar, created timestamptz)"
    )

    result = aig("status")

    assert result.code == 0
    assert result.out == "No account has been loaded yet.\n"


def test_status_of_a_database_of_somebody_else() -> None:
    make("create table mine as select 1")

    result = aig("status")

    assert result.code == 2
    assert "contains no AI Gateway billing yet" in result.err


def test_a_table_of_ours_in_another_shape_is_told() -> None:
    make("create schema ai_gateway_billing; create table ai_gateway_billing.invoices as select 1 as one")

    told = aig("status", "--database", str(DATABASE))

    assert told.code == 2
    assert "was written by another version of aig-billing, or changed since" in told.err
