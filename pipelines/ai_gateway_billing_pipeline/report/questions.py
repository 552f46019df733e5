"""What the notebooks and the report show, asked of schema `spend`: one function per question, rows as plain dicts.

Amounts are exact `Decimal` in major units; charts make floats of them at the very end. Whatever is unknown has no row,
so that an empty or one-day-old account answers with few rows or none, never with an error.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing.errors import redact

Row = dict[str, Any]

LARGEST = 6
"""Models that are named; the rest is one of `OTHER_MODELS`."""
OTHER_MODELS = "other models"
_FREE_TEXT = {"model", "description", "status", "origin", "auto_topup_reason"}


class Days(NamedTuple):
    """A range of UTC days, both included; None leaves it open."""

    first: date | None = None
    last: date | None = None


ALL = Days()

# Amounts in different currencies cannot be ranked: the currency that most accounts have stands first.
_ACCOUNTS = """
    with spent as (
        select account_id, accounts.currency, coalesce(sum(amount), 0) as amount
        from spend.accounts
        left join spend.daily using (account_id)
        group by account_id, accounts.currency
    )
    select account_id
    from spent
    order by count(*) over (partition by currency) desc, currency, amount desc, account_id
"""
_RUNWAY = "select * from spend.runway where account_id = $account"
_PER_DAY = """
    select
        day, currency, amount, is_complete, is_final,
        case when is_complete and count(*) over week = 7 then sum(amount) over week / 7 end as mean_7d
    from spend.daily
    where account_id = $account
    window week as (order by day range between interval 6 days preceding and current row)
    qualify day >= coalesce($first::date, max(day) over () - 59) and day <= coalesce($last::date, day)
    order by day
"""
_PER_MONTH = """
    select
        monthly.month, monthly.currency, monthly.amount, days_known, days_in_month, is_complete,
        case when month_end_forecast is not null then greatest(month_end_forecast, amount) end as forecast
    from spend.monthly
    left join spend.runway on runway.account_id = monthly.account_id and runway.month = monthly.month
    where monthly.account_id = $account
    qualify monthly.month >=
            coalesce(date_trunc('month', $first::date), max(monthly.month) over () - interval 12 months)
        and monthly.month <= coalesce($last::date, monthly.month)
    order by monthly.month
"""
_PER_MODEL = """
    select
        billing_month, currency, model, gross, credits, net, is_closed,
        gross / nullif(sum(gross) over (partition by billing_month, currency), 0) as share
    from spend.by_model
    where account_id = $account
        and billing_month >= coalesce(date_trunc('month', $first::date), billing_month)
        and billing_month <= coalesce($last::date, billing_month)
    qualify billing_month = max(billing_month) over ()
    order by currency, gross desc, model
"""
_PER_MODEL_AND_DAY = """
    with days as (
        select day, currency, model, sum(gross_allocated) as gross, bool_or(is_estimate) as is_estimate
        from spend.by_model_daily
        where account_id = $account and gross_allocated <> 0
        group by day, currency, model
    )
    select *
    from days
    where day <= coalesce($last::date, day)
    qualify day >= coalesce($first::date, max(day) over () - 59)
    order by day, model
"""
_EXPENSIVE_HOURS = """
    select hour, currency, amount, is_complete
    from spend.hourly
    where account_id = $account and amount > 0
    qualify day >= coalesce($first::date, max(day) over () - 59) and day <= coalesce($last::date, day)
    order by amount desc, hour desc
    limit 10
"""
_BALANCES = """
    select valid_from, valid_to, currency, balance, topups, topup_source
    from spend.balance
    where account_id = $account
        and coalesce((valid_from at time zone 'UTC')::date >= $first::date, true)
        and coalesce((valid_from at time zone 'UTC')::date <= $last::date, true)
    order by valid_from
"""
_INVOICES = """
    select created_at, status, origin, description, currency, amount_due, amount_paid, amount_remaining, is_settled,
        age_days
    from spend.invoices
    where account_id = $account and is_listed
        and coalesce((created_at at time zone 'UTC')::date >= $first::date, true)
        and coalesce((created_at at time zone 'UTC')::date <= $last::date, true)
    order by is_settled, created_at desc, invoice_id
    limit 12
"""
_INVOICE_TOTALS = """
    with states as (
        select
            *,
            case when is_settled then 'settled' when lower(status) in ('draft', 'uncollectible') then lower(status)
                else 'open' end as state
        from spend.invoices
        where account_id = $account and is_listed
            and coalesce((created_at at time zone 'UTC')::date >= $first::date, true)
            and coalesce((created_at at time zone 'UTC')::date <= $last::date, true)
    )
    select
        currency, is_settled, state, count(*) as invoices,
        sum(case when state = 'open' then amount_remaining else amount_due end) as amount
    from states
    group by currency, is_settled, state
    order by currency, is_settled, state
"""
_RECONCILIATION = """
    select
        month, currency, verdict, reason, hourly_sum, daily_sum, preview_gross, preview_net, balance_drop, invoices_paid
    from spend.reconciliation
    where account_id = $account
    order by month desc
    limit 13
"""
_COMPARISONS = """
    select month, place, currency, usage, amount, ratio, finding
    from spend.comparisons
    where account_id = $account and ratio > 0
    qualify month >= max(month) over () - interval 12 months
    order by month, place
"""
_BY_WEEKDAY_AND_HOUR = """
    with recent as (
        select *
        from spend.hourly
        where account_id = $account and is_complete
        qualify day > max(day) over () - 84
    )
    select
        isodow(day) as weekday, hour(hour at time zone 'UTC') as hour, any_value(currency) as currency,
        sum(amount) / count(*) as amount, count(*) as hours
    from recent
    group by all
    order by all
"""
_UNUSUAL_DAYS = """
    with expected as (
        select
            day, currency, amount,
            median(amount) over before as usual,
            count(*) over before as weeks
        from spend.daily
        where account_id = $account and is_complete
        window before as (partition by isodow(day) order by day rows between 8 preceding and 1 preceding)
    )
    select
        expected.*,
        case when weeks >= 4 then abs(amount - usual) > greatest(100 * major_per_minor, 0.5 * usual) end as is_unusual
    from expected
    join spend.accounts on accounts.account_id = $account
    qualify day > max(day) over () - 120
    order by day
"""


def accounts(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The ids of all accounts, by currency, the one that spent most first."""
    return [row["account_id"] for row in _ask(connection, _ACCOUNTS)]


def largest_account(connection: duckdb.DuckDBPyConnection) -> str:
    """The first of `accounts`. An empty string, of which nothing is known, when there is none."""
    return next(iter(accounts(connection)), "")


def runway(connection: duckdb.DuckDBPyConnection, account: str) -> Row | None:
    """The account's row of `spend.runway`, None when nothing is known of the account."""
    return next(iter(_ask(connection, _RUNWAY, account=account)), None)


def per_day(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per known day with the mean of its seven days, by default of the last 60."""
    return _ask(connection, _PER_DAY, account=account, **days._asdict())


def per_month(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per month, by default of the last 13; `forecast` of the running one alone."""
    return _ask(connection, _PER_MONTH, account=account, **days._asdict())


def per_model(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per currency and model of the newest billing month, the most expensive first; `OTHER_MODELS` last."""
    rows = _ask(connection, _PER_MODEL, account=account, **days._asdict())
    return [row for currency in sorted({row["currency"] for row in rows}) for row in _shortened(rows, currency)]


def _shortened(rows: Iterable[Row], currency: str) -> list[Row]:
    some = [row for row in rows if row["currency"] == currency]
    named, rest = some[:LARGEST], some[LARGEST:]
    if len(rest) > 1:
        sums = {name: sum(row[name] or 0 for row in rest) for name in ("gross", "credits", "net", "share")}
        rest = [{**rest[0], **sums, "model": OTHER_MODELS}]
    return named + rest


def per_model_and_day(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per UTC day and model, an estimate; models beyond `LARGEST` are one."""
    rows = _ask(connection, _PER_MODEL_AND_DAY, account=account, **days._asdict())
    largest = _largest(rows)
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        is_named = row["model"] in largest[row["currency"]]
        model = row["model"] if is_named else OTHER_MODELS
        into = sums.setdefault((row["day"], row["currency"], model), {**row, "model": model, "gross": 0})
        into["gross"] += row["gross"]
        into["is_estimate"] |= row["is_estimate"]
    return list(sums.values())


def expensive_hours(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """The ten hours that cost most, by default of the last 60 days."""
    return _ask(connection, _EXPENSIVE_HOURS, account=account, **days._asdict())


def balances(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """A row per version of the prepaid credit, oldest first, with the top-ups that led to it."""
    return _ask(connection, _BALANCES, account=account, **days._asdict())


def invoices(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """The twelve newest invoices; those that are not settled stand first."""
    return _ask(connection, _INVOICES, account=account, **days._asdict())


def invoice_totals(connection: duckdb.DuckDBPyConnection, account: str, days: Days = ALL) -> list[Row]:
    """All invoices by currency and `state`: `settled`, `draft`, `uncollectible` or, still to be paid, `open`."""
    return _ask(connection, _INVOICE_TOTALS, account=account, **days._asdict())


def reconciliation(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """A row per month of `spend.reconciliation`, the newest 13."""
    return _ask(connection, _RECONCILIATION, account=account)


def comparisons(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """A row per month and place that tells the same money, of the last 13 months. Not part of the stable views."""
    return _ask(connection, _COMPARISONS, account=account)


def by_weekday_and_hour(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """Mean spend by weekday (1 is Monday) and UTC hour, over the last twelve weeks."""
    return _ask(connection, _BY_WEEKDAY_AND_HOUR, account=account)


def unusual_days(connection: duckdb.DuckDBPyConnection, account: str) -> list[Row]:
    """A row per complete day of the last 120 with what is usual: the median of up to 8 such weekdays before it.

    `is_unusual`: more than half of that away from it, and more than 100 cents; NULL with less than 4 such weekdays.
    """
    return _ask(connection, _UNUSUAL_DAYS, account=account)


def _largest(rows: Iterable[Row]) -> dict[str, list[str]]:
    """The models of each currency that are named: the `LARGEST`, and one more where it is the only one left."""
    totals: dict[str, dict[str, Any]] = {}
    for row in rows:
        models = totals.setdefault(row["currency"], {})
        models[row["model"]] = models.get(row["model"], 0) + row["gross"]
    return {currency: _named(models) for currency, models in totals.items()}


def _named(totals: dict[str, Any]) -> list[str]:
    ranked = sorted(totals, key=lambda model: (-totals[model], model))
    return ranked if len(ranked) == LARGEST + 1 else ranked[:LARGEST]


def _ask(connection: duckdb.DuckDBPyConnection, sql: str, **parameters: object) -> list[Row]:
    used = {name: value for name, value in parameters.items() if f"${name}" in sql}
    cursor = connection.execute(sql, used)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, map(_readable, names, row), strict=True)) for row in cursor.fetchall()]


def _readable(name: str, value: Any) -> Any:
    """The API's free text may hold anything; nothing sensitive and no control character of it is shown."""
    return redact(value) if name in _FREE_TEXT and value is not None else value
