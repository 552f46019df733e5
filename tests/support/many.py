"""A database with any number of accounts, made by SQL: two days of hours, and all else once. One in fifty is ill."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ai_gateway_billing_pipeline.database import views
from support.raw_tables import database

LAST = "timestamptz '2026-11-22 00:00:00+00'"
ILL_EVERY = 50
"""Of so many accounts one failed last time, one has a gap, and one has something in quarantine."""

_ACCOUNTS = """
create temp table accounts as
select n, printf('%032x', n) as account_id from (select unnest(range(1, $count + 1)) as n);
create table if not exists ai_gateway_billing.load_status (
    account_id varchar, resource varchar, status varchar, error varchar, skipped varchar,
    last_attempt_at timestamptz, last_success_at timestamptz, last_listed_at timestamptz
);
create table if not exists ai_gateway_billing.quarantine (
    account_id varchar, resource varchar, field varchar, reason varchar, payload varchar,
    first_seen_at timestamptz, last_seen_at timestamptz
);
"""
_ROWS = f"""
insert into ai_gateway_billing.usage_hourly by name
select account_id, hour as bucket_start, hour as start_time, hour + interval 1 hour as end_time,
    'h' || epoch(hour) as id, 12.5 as aggregated_value
from accounts,
    (select unnest(generate_series({LAST} - interval 2 day, {LAST} - interval 1 hour, interval 1 hour)) as hour);
insert into ai_gateway_billing.usage_daily by name
select account_id, date_trunc('day', bucket_start) as bucket_start, bucket_start as start_time,
    bucket_start + interval 1 day as end_time, 'd' || epoch(bucket_start) as id,
    sum(aggregated_value) as aggregated_value
from (select account_id, date_trunc('day', bucket_start) as bucket_start, aggregated_value
    from ai_gateway_billing.usage_hourly)
group by all;
insert into ai_gateway_billing.usage_coverage by name
select account_id, "grouping", start::date as day, start + interval 1 day as read_until, {LAST} as read_at
from accounts, (select unnest(['hour', 'day']) as "grouping"),
    (select unnest([1, 2 + (n % {ILL_EVERY} = 1)::int]) as ago), (select {LAST} - interval 1 day * ago as start);
insert into ai_gateway_billing.invoices by name
select account_id, 'in_' || n as id, {LAST} - interval 2 day as created, 'paid' as status, 'usd' as currency,
    2100 as amount_due, 2100 as amount_paid, 0 as amount_remaining, 'purchase_manual' as kind, {LAST} as last_listed_at
from accounts;
insert into ai_gateway_billing.invoice_preview by name
select account_id, 'upcoming' as id, 'usd' as currency, 1 as amount_due, {LAST} - interval 1 day as _dlt_valid_from,
    account_id as _dlt_id
from accounts;
insert into ai_gateway_billing.credit_balance by name
select account_id, 5000 as balance, {LAST} - interval 1 day as _dlt_valid_from, account_id as _dlt_id from accounts;
insert into ai_gateway_billing.load_status by name
select account_id, resource, if(n % {ILL_EVERY} = 0 and resource = 'invoices', 'failed', 'ok') as status,
    if(status = 'failed', 'Cloudflare refused invoice-history (403, code 10000).', null) as error,
    {LAST} as last_attempt_at, if(status = 'failed', null, {LAST}) as last_success_at, {LAST} as last_listed_at
from accounts, (select unnest(['usage_hourly', 'usage_daily', 'invoices', 'invoice_preview', 'credit_balance',
    'topup_config', 'spending_limit']) as resource);
insert into ai_gateway_billing.quarantine by name
select account_id, 'invoices' as resource, 'created' as field, 'is no time' as reason, '{{}}' as payload,
    {LAST} as first_seen_at, {LAST} as last_seen_at
from accounts where n % {ILL_EVERY} = 2;
"""


def many(folder: Path, count: int) -> Path:
    """The database of so many accounts."""
    with database(folder) as connection:
        for statement in duckdb.extract_statements(_ACCOUNTS.replace("$count", str(count)) + _ROWS):
            connection.execute(statement)
        views.apply(connection, "cents")  # with the tables that were not there before
    return folder / "billing.duckdb"
