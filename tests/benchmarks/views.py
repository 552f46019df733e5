"""How long each view of `spend` takes, as a whole and for a month of one account. Prints a table; fails nothing.

`python tests/benchmarks/views.py [LOADS_PER_DAY [ACCOUNTS [YEARS]]]`, 1, 10 and 10 unless said: previews and balances
change as often as loads find them changed. The CPU time of all threads stands beside, as it bears a busy machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ai_gateway_billing_pipeline.database import views
from support.raw_tables import database

ACCOUNTS = "(select printf('%032x', range) as account_id from range($accounts))"
FIRST = "(timestamptz '2026-11-22 00:00:00+00' - interval ($years) year)"
LAST = "timestamptz '2026-11-21 23:00:00+00'"
MONTH = (
    "day",
    "hour",
    "month",
    "billing_month",
    "starts",
    "period_start",
    "observed_at",
    "valid_from",
    "created_at",
    "ChargePeriodStart",
)
"""Columns that tell the time of a row; views without any have a row an account."""
ROUNDS = 3

USAGE = f"""
insert into ai_gateway_billing.usage_hourly by name
select
  account_id,
  hour as bucket_start,
  hour as start_time,
  hour + interval 1 hour as end_time,
  'x' || epoch(hour) as id,
  (50 * random())::decimal(18, 9) as aggregated_value
from {ACCOUNTS}, (select unnest(generate_series({FIRST}, {LAST}, interval 1 hour)) as hour)
where random() < 0.97;

insert into ai_gateway_billing.usage_daily by name
select
  account_id,
  date_trunc('day', bucket_start) as bucket_start,
  'd' as id,
  sum(aggregated_value) as aggregated_value
from ai_gateway_billing.usage_hourly
group by all;

insert into ai_gateway_billing.usage_coverage by name
select
  account_id,
  "grouping",
  start::date as day,
  start + interval 1 day as read_until,
  least(start + interval 36 day, {LAST} + interval 12 hour) as read_at
from {ACCOUNTS}, (select unnest(['hour', 'day']) as "grouping"),
  (select unnest(generate_series({FIRST}, {LAST}, interval 1 day)) as start);
"""

MONEY = f"""
create temp table reads as
select
  account_id,
  seen,
  lead(seen) over (partition by account_id order by seen) as next,
  account_id || epoch(seen) as version
from {ACCOUNTS}, (select unnest(generate_series({FIRST} + interval 10 hour, {LAST}, interval ($step) hour)) as seen);

insert into ai_gateway_billing.credit_balance by name
select
  account_id,
  (5000 * random())::decimal(18, 9) as balance,
  true as has_default_payment_method,
  5000 as topup_config__amount,
  1000 as topup_config__threshold,
  seen as _dlt_valid_from,
  next as _dlt_valid_to,
  version as _dlt_id
from reads;

insert into ai_gateway_billing.invoice_preview by name
select
  account_id,
  'usd' as currency,
  100 as amount_due,
  date_trunc('month', seen) as period_start,
  date_trunc('month', seen) + interval 1 month as period_end,
  seen as _dlt_valid_from,
  next as _dlt_valid_to,
  version as _dlt_id
from reads;

insert into ai_gateway_billing.invoice_preview__invoice_lines by name
select
  account_id,
  'provider/model-' || line as description,
  100 * line * day(seen) as amount,
  'usd' as currency,
  1000 as quantity,
  version as _dlt_parent_id,
  line as _dlt_list_idx,
  version || line as _dlt_id
from reads, (select unnest(range(1, 7)) as line);

insert into ai_gateway_billing.invoices by name
select
  account_id,
  version as id,
  seen as created,
  'paid' as status,
  'usd' as currency,
  5250 as amount_due,
  5250 as amount_paid,
  0 as amount_remaining,
  {LAST} as last_listed_at
from reads
where day(seen) % 3 = 0 and hour(seen) = 10;
"""


STATUS = f"""
create or replace table ai_gateway_billing.load_status as
select account_id, resource, 'ok' as status, {LAST} as last_attempt_at, {LAST} as last_listed_at
from {ACCOUNTS}, (select unnest(['usage_hourly', 'usage_daily', 'invoices', 'invoice_preview']) as resource);
"""


def fill(connection: duckdb.DuckDBPyConnection, loads_per_day: int, accounts: int = 10, years: int = 10) -> None:
    """So many years of so many accounts."""
    made = (USAGE + MONEY + STATUS).replace("$accounts", str(accounts)).replace("$years", str(years))
    connection.execute(made.replace("$step", str(24 // loads_per_day)))
    views.apply(connection, "cents")  # with the table that was not there before


def seconds(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, float, float]:
    """Rows, and the best wall and CPU time of some rounds of reading every value of them."""
    best, least, rows = float("inf"), float("inf"), 0
    for _ in range(ROUNDS):
        began, worked = time.perf_counter(), time.process_time()
        ((rows, _),) = connection.execute(f"select count(*), bit_xor(hash(r)) from {relation} as r").fetchall()
        best, least = min(best, time.perf_counter() - began), min(least, time.process_time() - worked)
    return rows, best, least


def month_of(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """The rows of one account in the newest two months."""
    columns = [column[0] for column in connection.execute(f"describe from {relation}").fetchall()]
    account = next((name for name in columns if name in ("account_id", "BillingAccountId")), None)
    when = next((f"and {name} >= '2026-10-15'" for name in MONTH if name in columns), "")
    where = f"where {account} = printf('%032x', 3) {when}" if account else ""
    return f"(from {relation} {where})"


def main(loads_per_day: int = 1, accounts: int = 10, years: int = 10) -> None:
    """Fill a database and time every view."""
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as connection:
        fill(connection, loads_per_day, accounts, years)
        sys.stdout.write(f"{'':32} {'rows':>12} {'whole':>9} {'CPU':>9} {'a month':>9} {'CPU':>9}\n")
        for name in views.VIEWS:
            relation = f"spend.{name}('Europe/Berlin')" if name in views.MACROS else f"spend.{name}"
            rows, wall, cpu = seconds(connection, relation)
            _, month_wall, month_cpu = seconds(connection, month_of(connection, relation))
            times = " ".join(f"{each:>7.2f} s" for each in (wall, cpu, month_wall, month_cpu))
            sys.stdout.write(f"{relation:32} {rows:>12,} {times}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
