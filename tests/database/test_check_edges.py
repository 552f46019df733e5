"""Where each check begins: what is found at its very edge, and what lies a step before it and is not.

One small database holds an account for each side of each edge, named after it, and is looked at once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from ai_gateway_billing_pipeline.database import checks
from support.constants import DAY, HOUR
from support.raw_tables import Row, at, covered, database, fill, invoice, used

NOON = at("2026-11-22T12:00")  # a Sunday
SECOND = timedelta(seconds=1)
STALE = NOON - timedelta(hours=36)
READ = NOON.isoformat()

BOOKS = """
create table ai_gateway_billing.load_status (account_id varchar, resource varchar, error varchar,
    last_attempt_at timestamptz, last_success_at timestamptz, last_listed_at timestamptz);
create table ai_gateway_billing.unknown_fields (table_name varchar, field varchar, first_seen_at timestamptz);
"""


def found(checked: Sequence[checks.Finding], name: str) -> set[str]:
    """The accounts of which that check finds something."""
    return {each.account_id for each in checked if each.check == name}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Sequence[checks.Finding]:
    """What is found where everything lies just on one side of an edge."""
    with database(tmp_path_factory.mktemp("edges"), **usage(), **other_tables()) as connection:
        connection.execute(BOOKS)
        fill(connection, **books())
        return list(checks.findings(connection, NOON, checks.Limits(stale_after=36, credit_days=7)))


# --- what is there --------------------------------------------------------------------------------------------------

BALANCES = {"7 days": 700, "less than 7": 690, "more than 3": 310, "3 days": 300, "more than 1": 110, "1 day": 100,
            "used up": 0}  # fmt: skip
"""Cents, of which one complete day has cost 100."""


def usage() -> dict[str, list[Row]]:
    """Days and hours, and which of them were read completely."""
    days = [used("2026-11-21", "100", name) for name in BALANCES]
    days += [used("2026-11-18", "100", name) for name in ("4 days", "more than 4 days")]
    days += [used("2026-10-31", "100", name) for name in ("paid", "not paid")]
    days += [used("2026-11-21", "100", "over"), used("2026-11-22", "50", "spent")]
    days += [used("2026-11-08", "150", "under"), used("2026-11-15", "50", "under"), used("2026-11-22", "49.9", "under")]
    for name, spike in (("a week ago", NOON - 7 * DAY), ("before that", NOON - 8 * DAY)):
        for day in (NOON - n * DAY for n in range(1, 50)):
            days.append(used(f"{day:%Y-%m-%d}", "1000" if day == spike else "100", name))
    over = [each for each in days if each["end_time"] <= NOON]
    read = [covered(f"{each['start_time']:%Y-%m-%d}", "day", each["account_id"], read_at=READ) for each in over]
    for name, apart in (("an hour", HOUR), ("less than an hour", HOUR - SECOND)):
        days.append(used("2026-11-20", "100", name))
        read.append(covered("2026-11-20", "day", name, read_at=READ))
        read.append(covered("2026-11-20", "hour", name, read_at=(NOON - apart).isoformat()))
    hours = [used("2026-11-22", "1", "now", hour=12), used("2026-11-22", "1", "ahead", hour=13)]
    hours += [used("2020-01-01", "1", "of 2020", hour=0), used("2019-12-31", "1", "of 2019", hour=23)]
    return {"usage_daily": days, "usage_hourly": hours, "usage_coverage": read}


def other_tables() -> dict[str, list[Row]]:
    """Balances, invoices and budgets."""
    return {
        "credit_balance": [*(version(name, NOON, balance=cents) for name, cents in BALANCES.items()),
            version("in 5 minutes", NOON + 300 * SECOND), version("later", NOON + 301 * SECOND),
            version("ends in 5 minutes", NOON, NOON + 300 * SECOND), version("ends later", NOON, NOON + 301 * SECOND),
            version("ended at once", NOON - DAY, NOON - DAY),
            version("ended before", NOON - DAY, NOON - DAY - SECOND)],
        "invoices": [
            bill("30 days", "2026-10-23T12:00", "open", "100"),
            bill("more than 30", "2026-10-23T11:59:59", "open", "100"),
            bill("paid", "2026-11-03", "paid", "95"), bill("not paid", "2026-11-03", "open", "95")],
        "budgets": [planned("over", "1"), planned("spent", "0.5"), planned("under", "1")],
    }  # fmt: skip


def version(name: str, since: datetime, until: datetime | None = None, balance: int = 10_000) -> Row:
    return {"account_id": name, "balance": balance, "_dlt_valid_from": since, "_dlt_valid_to": until}


def bill(name: str, created: str, status: str, due: str) -> Row:
    return invoice(created, status, due, account_id=name, last_listed_at=NOON, kind="unknown")


def planned(name: str, amount: str) -> Row:
    """A budget of each day, for the account of its name."""
    shared = {"currency": "USD", "period": "day", "thresholds": "50"}
    return {"name": name, "accounts": name, "amount": amount, **shared}


def books() -> Mapping[str, Sequence[Row]]:
    """What loads wrote down. The newest attempt is as old as a schedule may be."""
    return {
        "load_status": [
            loaded("just in time", "invoices", STALE), loaded("too late", "invoices", STALE - SECOND),
            loaded("not listed", "invoices", STALE - SECOND),
            loaded("still asked", "gateways"), loaded("asked no more", "gateways", attempt=STALE - SECOND),
            loaded("4 days", "gateway_usage_hourly", at("2026-11-22")),
            loaded("more than 4 days", "gateway_usage_hourly", at("2026-11-22") + 4 * SECOND)],
        "unknown_fields": [
            {"table_name": "invoices", "field": "14 days", "first_seen_at": NOON - 14 * DAY},
            {"table_name": "credit_balance", "field": "less", "first_seen_at": NOON - 14 * DAY + SECOND}],
    }  # fmt: skip


def loaded(name: str, resource: str, success: datetime | None = None, attempt: datetime = STALE) -> Row:
    listed = STALE - SECOND if name == "not listed" else STALE
    times = {"last_attempt_at": attempt, "last_success_at": success, "last_listed_at": listed}
    return {"account_id": name, "resource": resource, **times}


# --- what is found --------------------------------------------------------------------------------------------------

FOUND: dict[str, set[Any]] = {
    "anomalies": {"a week ago"},
    "hour_and_day_sums": {"an hour", "less than an hour"},
    "low_credit": set(BALANCES) - {"7 days"},
    "misplaced_buckets": {"ahead", "of 2019"},
    "missing_estimates": {"4 days"},
    "open_invoices": {"more than 30"},
    "stale_data": {"too late", "still asked", "not listed"},
    "stopped_schedule": set(),
    "unknown_invoices": {"paid"},
    "wrong_times": {"later", "ends later", "ended before"},
}


@pytest.mark.parametrize("name", FOUND)
def test_a_check_begins_just_where_it_says(told: Sequence[checks.Finding], name: str) -> None:
    assert found(told, name) == FOUND[name]


def test_credit_reaches_a_step_with_its_last_tenth_of_a_day(told: Sequence[checks.Finding]) -> None:
    reached = {each.account_id: each.reached[2:] for each in told if each.check == "low_credit"}
    words = {each.account_id for each in told if each.check == "low_credit" and "It was used at" in each.finding}
    ends = {each.account_id for each in told if each.check == "low_credit" and "is used up" in each.finding}

    assert reached["more than 3"] == ()
    assert reached["3 days"] == reached["more than 1"] == ("3 days",)
    assert reached["1 day"] == ("3 days", "1 day")
    assert reached["used up"] == ("3 days", "1 day", "used up")
    assert words == ends == {"used up"}


def test_only_an_account_that_the_newest_list_lacks_is_said_to_be_left_behind(told: Sequence[checks.Finding]) -> None:
    behind = {each.account_id for each in told if "Others have been loaded since" in each.finding}

    assert behind == {"not listed"}


def test_hours_and_days_that_differ_are_an_error_only_when_they_were_read_within_an_hour(
    told: Sequence[checks.Finding],
) -> None:
    severities = {each.account_id: each.severity for each in told if each.check == "hour_and_day_sums"}

    assert severities == {"an hour": "warning", "less than an hour": "error"}


def test_a_budget_is_told_from_its_very_amount_on_and_no_longer_runs_on_the_day_after(
    told: Sequence[checks.Finding],
) -> None:
    """`over` spent its dollar yesterday, `spent` all of it today; `under` spent 49.9 % of what it is to spend."""
    severities = {each.account_id: each.severity for each in told if each.check == "budgets"}

    assert severities == {"over": "warning", "spent": "error"}


def test_a_new_field_is_told_for_less_than_two_weeks(told: Sequence[checks.Finding]) -> None:
    assert [each.reached for each in told if each.check == "new_fields"] == [("less",)]
