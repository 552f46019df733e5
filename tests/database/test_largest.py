"""No accepted number is too large, or too small, for any view or check: over years of rows, in either unit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ai_gateway_billing.rows import arrow, bookkeeping, values
from ai_gateway_billing_pipeline.database import checks, views
from support.amounts import amount_columns, relation
from support.constants import ACCOUNT
from support.raw_tables import Row, at, database, fill, invoice, preview

STEP = Decimal("1e-18")
LARGEST = Decimal("9" * values.AMOUNT_LIMIT.adjusted() + "." + "9" * 18)
LARGEST_USAGE = Decimal("9" * values.USAGE_LIMIT.adjusted() + "." + "9" * 18)
HUGE_QUANTITY = Decimal("9" * values.QUANTITY_LIMIT.adjusted() + "." + "9" * 18)
EXTREMES = [LARGEST, LARGEST.copy_negate(), STEP, -STEP, Decimal(0), Decimal("0.01")]
THEN = at("2026-11-28T12:00")
MONTHS = [f"2026-{month:02d}" for month in range(9, 13)]
# Buckets of all hours and days, and their coverage, made by the database: row by row would take longer than the views.
BUCKETS = """
    insert into ai_gateway_billing.usage_{grain}
        (account_id, bucket_start, start_time, end_time, id, aggregated_value)
    select $1, start, start, start + interval 1 {step}, 'm' || n, $4
    from generate_series($2::timestamptz, $3::timestamptz, interval 1 {step}) as times(start), range(2) as ids(n)
"""
COVERAGE = """
    insert into ai_gateway_billing.usage_coverage
    select $1, "grouping", day::date, day + interval 1 day, $3, null, null, null, null, null
    from generate_series($2::timestamptz, $3::timestamptz, interval 1 day) as time(day),
        (values ('hour'), ('day')) as grains("grouping")
"""
ESTIMATES = """
    insert into ai_gateway_billing.gateway_usage_{table}hourly by name
    select
        $1 as account_id, hour, 'g' || n as gateway, 'openai' as provider, 'gpt-5' as model, n < 2 as wholesale,
        4611686018427387 as requests, 1 as tokens_in, 1 as tokens_out, $4 as cost_usd_estimate {tag}
    from generate_series($2::timestamptz, $3::timestamptz, interval 1 hour) as times(hour), range(3) as ids(n)
"""


def version(start: datetime, end: datetime | None, number: int, **fields: Any) -> Row:
    at_once = {"account_id": ACCOUNT, "_dlt_valid_from": start, "_dlt_valid_to": end, "_dlt_id": f"{number}"}
    return at_once | fields


def previews(amounts: list[Decimal]) -> dict[str, list[Row]]:
    """Two a month, of many lines with a credit each."""
    found: dict[str, list[Row]] = {"": [], "__invoice_lines": [], "__invoice_lines__pretax_credit_amounts": []}
    seen = [(start, end, f"{start}-{day}") for start, end in pairwise(MONTHS) for day in (10, 25)]
    for number, (start, end, moment) in enumerate(seen):
        amount = amounts[number % len(amounts)]
        until = at(seen[number + 1][2]) if number + 1 < len(seen) else None
        row = preview(f"{start}-01", f"{end}-01", moment) | {"_dlt_id": f"p{number}", "_dlt_valid_to": until}
        found[""].append(row | dict.fromkeys(("amount_due", "amount_paid", "amount_remaining"), amount))
        for place in range(6):
            line = {"account_id": ACCOUNT, "currency": "usd", "_dlt_id": f"l{number}-{place}", "_dlt_list_idx": place}
            line |= {"description": f"openai/gpt-{place % 3}", "amount": amount, "quantity": HUGE_QUANTITY}
            line |= {"period__start": row["period_start"], "period__end": row["period_end"]}
            found["__invoice_lines"].append(line | {"_dlt_parent_id": f"p{number}"})
            credit = {"account_id": ACCOUNT, "type": "x", "_dlt_list_idx": 0, "_dlt_id": f"c{number}-{place}"}
            found["__invoice_lines__pretax_credit_amounts"].append(
                credit | {"amount": amounts[place % len(amounts)], "_dlt_parent_id": f"l{number}-{place}"}
            )
    return {f"invoice_preview{name}": rows for name, rows in found.items()}


def snapshots(amounts: list[Decimal]) -> dict[str, list[Row]]:
    moments = [at("2026-09-01") + timedelta(days=2 * number) for number in range(44)]
    ends = [*moments[1:], None]
    balances = [
        version(start, end, number, balance=amounts[number % len(amounts)], has_default_payment_method=True)
        | {"topup_config__amount": amounts[0], "topup_config__threshold": amounts[-1]}
        for number, (start, end) in enumerate(zip(moments, ends, strict=True))
    ]
    return {
        "credit_balance": balances,
        "topup_config": [version(moments[0], None, 0, amount=amounts[0], threshold=amounts[-1])],
        "spending_limit": [
            version(moments[0], None, 0, enabled=True, config__amount=amounts[0], config__duration="daily")
        ],
        "usage_reported": [
            {"account_id": ACCOUNT, "grouping": "hour", "period": "day", "starts": THEN.date(), "first_usage": first}
            | {"first_seen_at": THEN, "last_usage": LARGEST, "last_seen_at": THEN}
            for first in (STEP,)
        ],
        "budgets": [
            {
                "name": f"{period} {amount}",
                "amount": amount,
                "currency": "USD",
                "period": period,
                "thresholds": "50,100",
            }
            for period in ("day", "week", "month")
            for amount in (Decimal("1e-10"), Decimal("999999999999.9999999999"))
        ],
        "invoices": [
            invoice(f"{month}-{day:02d}", status, str(amounts[day % len(amounts)]), last_listed_at=THEN)
            for month in MONTHS[:-1]
            for day in range(1, 28, 4)
            for status in ("paid", "open")
        ],
    }


def gateways(dollars: Decimal) -> dict[str, list[Row]]:
    rule = {"account_id": ACCOUNT, "limit_usd": dollars, "window_seconds": 86_400, "kind": "fixed"}
    return {
        "gateways": [version(at("2026-09-01"), None, 0, gateway="g1")],
        "gateways__spend_limit_rules": [rule | {"_dlt_parent_id": "0", "_dlt_id": "r", "_dlt_list_idx": 0}],
        "gateway_usage_hourly": [],
        "gateway_usage_tags_hourly": [],
    }


def fill_days(
    connection: duckdb.DuckDBPyConnection,
    usage: Decimal,
    amounts: list[Decimal],
    days: int,
    dollars: Decimal = LARGEST,
) -> None:
    """`dollars`: what each hour of a gateway costs, by estimate, and its limit."""
    fill(connection, **previews(amounts), **snapshots(amounts), usage_hourly=[], usage_daily=[], usage_coverage=[])
    fill(connection, **gateways(dollars))
    for table, tag in {"": "", "tags_": ", 'team' as tag, 'a' as value, false as is_hashed"}.items():
        estimates = ESTIMATES.format(table=table, tag=tag)
        connection.execute(estimates, [ACCOUNT, THEN - timedelta(days=62), THEN, dollars])
    start = THEN.replace(hour=0) - timedelta(days=days)
    connection.execute(COVERAGE, [ACCOUNT, start, THEN])
    connection.execute(BUCKETS.format(grain="hourly", step="hour"), [ACCOUNT, start, THEN - timedelta(hours=1), usage])
    connection.execute(BUCKETS.format(grain="daily", step="day"), [ACCOUNT, start, THEN.replace(hour=0), usage])


def amounts_of_all_views(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    """Each view and column of it that is money, while table `found` holds all rows of the view."""
    for name in views.VIEWS:
        query = f"create or replace temp table found as select * from {relation(name)}"
        ((rows,),) = connection.execute(query).fetchall()
        assert rows or name == "focus", name  # it has no row of what rounds to nothing
        for column in amount_columns(connection, name):
            yield name, column


def everything_answers(
    connection: duckdb.DuckDBPyConnection, usage: Decimal, amounts: list[Decimal], years: int = 1
) -> None:
    fill_days(connection, usage, amounts, 365 * years)
    for _, column in amounts_of_all_views(connection):
        connection.execute(f"select sum({column}), avg({column}) from found").fetchall()
    amount = connection.execute("select sum(amount) from spend.daily").fetchall()[0][0]
    assert abs(amount) <= 2 * LARGEST_USAGE * 24 * 366 * years
    list(checks.findings(connection, THEN))


@pytest.fixture(scope="module")
def connections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, duckdb.DuckDBPyConnection]:
    """A database for each unit of usage, without rows."""
    found = {unit: database(tmp_path_factory.mktemp(unit), usage_unit=unit) for unit in ("cents", "dollars")}
    for connection in found.values():
        for table, columns in bookkeeping.COLUMNS.items():
            empty = arrow.table([], columns)
            connection.execute(f"create table ai_gateway_billing.{table} as from empty")
            del empty
    return found


@pytest.mark.parametrize(
    ("unit", "usage", "amounts"),
    [
        ("dollars", LARGEST_USAGE, [LARGEST]),
        ("cents", LARGEST_USAGE.copy_negate(), [LARGEST.copy_negate(), LARGEST, STEP]),
        ("cents", STEP, [Decimal(0), LARGEST.copy_negate()]),
    ],
    ids=str,
)
def test_the_largest_and_smallest_numbers_pass_every_view_and_check(
    connections: dict[str, duckdb.DuckDBPyConnection], unit: str, usage: Decimal, amounts: list[Decimal]
) -> None:
    everything_answers(connections[unit], usage, amounts)


def test_every_amount_below_a_billion_can_be_squared_and_converted(
    connections: dict[str, duckdb.DuckDBPyConnection],
) -> None:
    """Half a million an hour, and invoices of fifty million, with as many digits as can be sent."""
    connection, largest = connections["cents"], Decimal(0)
    rate = Decimal("7.123456789012345678")
    fill_days(connection, Decimal("4e7") + STEP, [Decimal("5e9") - STEP], 70, Decimal(5000))
    connection.execute("update ai_gateway_billing.budgets set amount = 987654321.0123456789")
    connection.execute("update ai_gateway_billing.usage_reported set last_usage = $1", [Decimal("5e9") - STEP])
    for view, column in amounts_of_all_views(connection):
        query = (
            f"select {column}, {column} * {column}, {column} * $1::decimal(38, 18) from found order by 1 desc limit 1"
        )
        ((amount, squared, converted),) = connection.execute(query, [rate]).fetchall()

        if amount is not None:
            assert Fraction(squared) == Fraction(amount) ** 2, (view, column)
            assert Fraction(converted) == Fraction(amount) * Fraction(rate), (view, column)
            largest = max(largest, amount)
    assert 10**8 < largest < 10**9


def test_a_product_that_does_not_fit_is_an_error_and_no_wrong_number() -> None:
    with duckdb.connect() as connection, pytest.raises(duckdb.OutOfRangeException):
        connection.execute("select amount * amount from (select 1e10::decimal(38, 10) as amount)").fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["cents", "dollars"])
@pytest.mark.parametrize("amount", [LARGEST, LARGEST.copy_negate(), STEP])
def test_ten_years_of_the_largest_numbers_pass_every_view_and_check(
    connections: dict[str, duckdb.DuckDBPyConnection], unit: str, amount: Decimal
) -> None:
    everything_answers(connections[unit], LARGEST_USAGE, [amount], years=10)


@pytest.mark.slow
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(unit="cents", usage=STEP, amounts=[STEP])
@given(
    unit=st.sampled_from(["cents", "dollars"]),
    usage=st.sampled_from([LARGEST_USAGE, LARGEST_USAGE.copy_negate(), *EXTREMES[2:]]),
    amounts=st.lists(st.sampled_from(EXTREMES), min_size=1, max_size=5),
)
def test_any_mix_of_extremes_passes_every_view_and_check(
    connections: dict[str, duckdb.DuckDBPyConnection], unit: str, usage: Decimal, amounts: list[Decimal]
) -> None:
    everything_answers(connections[unit], usage, amounts)
