"""Two simulated accounts, loaded over the turn of a month: every view's totals worked out anew from the raw tables.

The recomputation is pandas and Python on what the raw tables hold. It shares no SQL with the views.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest

from ai_gateway_billing.simulator import demo_world
from ai_gateway_billing_pipeline.database import views
from support.amounts import in_dollars
from support.bench import Bench
from support.constants import HOUR
from support.simulated import loaded_at

Totals = dict[tuple[Any, ...], Any]

CENT = Decimal("0.01")
MOMENTS = [
    datetime(2026, 10, 29, 10, 30, tzinfo=UTC),
    datetime(2026, 10, 30, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 30, 16, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 22, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    datetime(2026, 11, 3, 4, 30, tzinfo=UTC),  # no load on 2 November
]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return loaded_at(MOMENTS, tmp_path_factory.mktemp("two accounts"), demo_world(2), "2026-09-20")


@pytest.fixture(autouse=True)
def wide_decimals() -> Iterator[None]:
    """Sums keep every digit, as DECIMAL(38) does; Python's default cuts after 28."""
    with localcontext() as context:
        context.prec = 60
        yield


def raw(bench: Bench, table: str) -> pd.DataFrame:
    """A raw table with its numbers as Decimal objects."""
    cursor = bench.published.execute(f"from ai_gateway_billing.{table}")
    names = [column[0] for column in cursor.description]
    return pd.DataFrame(cursor.fetchall(), columns=names, dtype=object)


def totals(frame: pd.DataFrame, keys: list[str], amount: str) -> Totals:
    """Sums of an amount in cents by keys, in dollars."""
    return added_up(frame.assign(**{amount: frame[amount].map(in_dollars)}), keys, amount)


def added_up(frame: pd.DataFrame, keys: list[str], amount: str) -> Totals:
    return {key: sum(part, Decimal(0)) for key, part in frame.groupby(keys)[amount]}


def asked(bench: Bench, query: str) -> Totals:
    """A query's rows as {all columns but the last: the last}; no two rows may share a key."""
    rows = bench.rows(query)
    found = {row[:-1]: row[-1] for row in rows}
    assert len(found) == len(rows)
    return found


def utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def dense_hours(bench: Bench) -> Totals:
    """(account, hour) -> dollars: every hour that was read completely, and every hour with a bucket."""
    coverage = raw(bench, "usage_coverage")
    hours: Totals = {}
    for row in coverage[coverage["grouping"] == "hour"].itertuples():
        hour = datetime.combine(row.day, datetime.min.time(), UTC)
        while hour < row.read_until:
            hours[row.account_id, hour] = Decimal(0)
            hour += HOUR
    return hours | totals(raw(bench, "usage_hourly"), ["account_id", "bucket_start"], "aggregated_value")


def by_day(hours: Totals, day_of: Callable[[datetime], date]) -> Totals:
    """Hours added up by account and day, as `day_of` cuts them."""
    found: Totals = {}
    for (account_id, hour), amount in hours.items():
        key = account_id, day_of(hour)
        found[key] = found.get(key, Decimal(0)) + amount
    return found


def test_hours_days_and_months_are_the_sums_of_the_buckets(bench: Bench) -> None:
    hours = dense_hours(bench)
    months = by_day(hours, lambda hour: first_of_month(utc_day(hour)))

    assert len(hours) > 2_000
    assert asked(bench, "select account_id, hour, amount from spend.hourly") == hours
    assert asked(bench, "select account_id, day, amount from spend.daily") == by_day(hours, utc_day)
    assert asked(bench, "select account_id, month, amount from spend.monthly") == months


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Chatham"])
def test_days_of_another_zone_are_the_same_hours(bench: Bench, zone: str) -> None:
    days = by_day(dense_hours(bench), lambda hour: hour.astimezone(ZoneInfo(zone)).date())

    assert asked(bench, f"select account_id, day, amount from spend.daily_in('{zone}')") == days


def test_both_usage_tables_are_shown_apart(bench: Bench) -> None:
    days = raw(bench, "usage_daily")
    days["day"] = days["bucket_start"].map(utc_day)

    found = asked(bench, "select account_id, day, amount from spend.daily_sources where source = 'day' and has_usage")
    assert found == totals(days, ["account_id", "day"], "aggregated_value")
    found = asked(bench, "select account_id, day, amount from spend.daily_sources where source = 'hour'")
    assert found == by_day(dense_hours(bench), utc_day)


def test_invoices_keep_their_amounts(bench: Bench) -> None:
    invoices = raw(bench, "invoices")
    for name in ("amount_due", "amount_paid", "amount_remaining"):
        found = asked(bench, f"select account_id, invoice_id, {name} from spend.invoices")
        assert found == totals(invoices, ["account_id", "id"], name)

    ages = {(row.account_id, row.id): (bench.now - row.created).days for row in invoices.itertuples()}
    assert asked(bench, "select account_id, invoice_id, age_days from spend.invoices") == ages


def test_balance_changes_by_topups_less_drawdown(bench: Bench) -> None:
    paid = raw(bench, "invoices").query("status == 'paid'")
    found = asked(
        bench,
        "select account_id, valid_from, {'change': change, 'paid': invoices_paid, 'topups': topups, 'used': drawdown} "
        "from spend.balance where change is not null",
    )
    expected: Totals = {}
    for account_id, versions in raw(bench, "credit_balance").groupby("account_id"):
        for earlier, later in pairwise(sorted(zip(versions["_dlt_valid_from"], versions["balance"], strict=True))):
            between = paid[(paid["account_id"] == account_id) & (paid["created"] > earlier[0])]
            money = sum(between[between["created"] <= later[0]]["amount_paid"], Decimal(0)) * CENT
            change = in_dollars(later[1]) - in_dollars(earlier[1])
            credit = money / Decimal("1.05")
            parts = {"change": change, "paid": money, "topups": credit, "used": credit - change}
            expected[account_id, later[0]] = parts

    assert any(parts["topups"] for parts in expected.values())
    assert found == expected


def lines(bench: Bench) -> pd.DataFrame:
    """Every version's lines with gross, credits and net in dollars, and the month they are billed in."""
    reductions = raw(bench, "invoice_preview__invoice_lines__pretax_credit_amounts")
    by_line = totals(reductions, ["_dlt_parent_id"], "amount")
    found = raw(bench, "invoice_preview__invoice_lines").rename(columns={"amount": "gross", "_dlt_id": "line_id"})
    found["credits"] = found["line_id"].map(lambda key: by_line.get((key,), Decimal(0)))
    found["gross"] = found["gross"].map(in_dollars)
    found["net"] = found["gross"] - found["credits"]
    versions = raw(bench, "invoice_preview")[["_dlt_id", "_dlt_valid_from", "period_start"]]
    joined = found.merge(versions, left_on="_dlt_parent_id", right_on="_dlt_id")
    joined["month"] = joined["period_start"].map(lambda start: first_of_month(utc_day(start)))
    return joined


def newest(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return frame[frame["_dlt_valid_from"] == frame.groupby(keys)["_dlt_valid_from"].transform("max")]


@pytest.mark.parametrize("amount", ["gross", "credits", "net"])
def test_models_are_the_lines_of_each_months_last_preview(bench: Bench, amount: str) -> None:
    last = newest(lines(bench), ["account_id", "month"])
    expected = added_up(last, ["account_id", "month", "description"], amount)

    assert {key[1] for key in expected} == {date(2026, 10, 1), date(2026, 11, 1)}
    assert asked(bench, f"select account_id, billing_month, description, {amount} from spend.by_model") == expected


@pytest.mark.parametrize("amount", ["gross", "credits", "net"])
def test_models_days_are_differences_and_add_up_to_the_month(bench: Bench, amount: str) -> None:
    shown = lines(bench)
    shown["day"] = shown["_dlt_valid_from"].map(utc_day)
    ends = added_up(
        newest(shown, ["account_id", "month", "day"]), ["account_id", "month", "description", "day"], amount
    )
    expected: Totals = {}
    for account_id, month, model, day in sorted(ends):
        before = [ends[key] for key in sorted(ends) if key[:3] == (account_id, month, model) and key[3] < day]
        expected[account_id, month, model, day] = ends[account_id, month, model, day] - (before or [Decimal(0)])[-1]

    steps = "(from spend.by_model_daily where observed_at is not null)"
    found = asked(bench, f"select account_id, billing_month, model, day, {amount} from {steps}")
    months = asked(
        bench,
        f"select account_id, billing_month, model, sum({amount}) from spend.by_model_daily group by all",
    )
    spans = asked(bench, "select distinct billing_month, day, days_spanned from spend.by_model_daily")

    assert found == expected
    assert months == asked(bench, f"select account_id, billing_month, model, {amount} from spend.by_model")
    assert spans[date(2026, 11, 1), date(2026, 11, 3)] == 2


def test_every_version_of_the_preview_is_there_in_dollars(bench: Bench) -> None:
    expected = totals(raw(bench, "invoice_preview"), ["account_id", "_dlt_valid_from"], "amount_due")

    assert len(expected) == 2 * len(MOMENTS)
    assert asked(bench, "select account_id, observed_at, amount_due from spend.previews") == expected


def test_runway_is_the_balance_by_the_last_days(bench: Bench) -> None:
    days = by_day(dense_hours(bench), utc_day)
    last = utc_day(bench.now) - timedelta(days=1)
    balances = raw(bench, "credit_balance").query("_dlt_valid_to.isna()")
    for row in balances.itertuples():
        week, month = (
            sum(days[row.account_id, last - timedelta(days=n)] for n in range(length)) / length for length in (7, 30)
        )
        query = "select burn_per_day_7d, burn_per_day_30d, days_left, month_to_date, balance from spend.runway"
        ((*estimates, to_date, balance),) = bench.rows(f"{query} where account_id = $1", row.account_id)

        assert balance == in_dollars(row.balance)
        assert to_date == sum(amount for (a, day), amount in days.items() if a == row.account_id and day.month == 11)
        expected = [week, month, balance / max(week, month)]
        assert [float(value) for value in estimates] == pytest.approx([float(value) for value in expected], abs=0.06)


def test_reconciliation_finds_agreement_where_there_is(bench: Bench) -> None:
    found = asked(bench, "select account_id, month, verdict from spend.reconciliation where hourly_sum is not null")
    verdicts = {(key[0][-1], key[1].month): verdict for key, verdict in found.items()}

    agreed = {(account, month): "agrees" for account in "12" for month in (10, 11)}
    assert {key: verdicts[key] for key in agreed} == agreed
    sums = asked(bench, "select account_id, month, daily_sum from spend.reconciliation where daily_sum is not null")
    days = raw(bench, "usage_daily")
    days["month"] = days["bucket_start"].map(lambda start: first_of_month(utc_day(start)))
    assert sums == totals(days, ["account_id", "month"], "aggregated_value")


def test_reconciliation_catches_the_wrong_unit(bench: Bench) -> None:
    """Set to dollars, usage is a hundred times what previews and balances say; the right setting mends it at once."""
    query = "select distinct verdict from spend.reconciliation where month = '2026-10-01'"
    copy = bench.database.with_name("copy.duckdb")
    copy.write_bytes(bench.database.read_bytes())

    with duckdb.connect(str(copy)) as connection:
        views.apply(connection, "dollars")
        wrong = connection.execute(query).fetchall()
        connection.execute("update spend.usage_unit set unit = 'cents'")
        right = connection.execute(query).fetchall()

    assert wrong == [("looks like a unit error: factor 100",)]
    assert right == [("agrees",)]
