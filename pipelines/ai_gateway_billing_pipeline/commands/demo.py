"""A few answers about the demo's account, first straight from the raw tables, then from the views of `spend`.

`python -m ai_gateway_billing_pipeline.commands.demo [DATABASE]` prints them; `make demo` ends with it.
"""

import sys
from collections.abc import Sequence
from decimal import Decimal

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID
from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.database import holdings, read
from ai_gateway_billing_pipeline.terminal import exits, output

_LAST_DAYS = """
    select start_time::date as day, sum(aggregated_value) as cents, cents as dollars
    from ai_gateway_billing.usage_daily
    where account_id = $account and start_time >= today() - 6
    group by day
    order by day desc
"""
_BY_MODEL = """
    with credits as (
        select _dlt_parent_id, sum(amount) as amount
        from ai_gateway_billing.invoice_preview__invoice_lines__pretax_credit_amounts
        group by _dlt_parent_id
    )
    select
        lines.description as model,
        sum(lines.amount) as gross,
        coalesce(sum(credits.amount), 0) as credits,
        gross - coalesce(sum(credits.amount), 0) as net
    from ai_gateway_billing.invoice_preview as preview
    join ai_gateway_billing.invoice_preview__invoice_lines as lines on lines._dlt_parent_id = preview._dlt_id
    left join credits on credits._dlt_parent_id = lines._dlt_id
    where preview.account_id = $account and preview._dlt_valid_to is null
    group by model
    order by gross desc
"""
_BALANCE = """
    select balance as cents, balance as dollars, _dlt_valid_from as since
    from ai_gateway_billing.credit_balance
    where account_id = $account and _dlt_valid_to is null
"""
_INVOICES = """
    select created, status, description, amount_due as due, amount_paid as paid
    from ai_gateway_billing.invoices
    where account_id = $account
    order by created desc
    limit 6
"""

_RUNWAY = """
    select
        format('{:,.2f}', balance) as "balance $",
        format('{:,.2f}', burn_per_day_7d) as "a day (7 d) $",
        days_left::varchar as "days left",
        runs_out_date as "runs out",
        next_topup_date as "next top-up",
        format('{:,.2f}', next_topup_cost) as "with fee $",
        format('{:,.2f}', month_end_forecast) as "month-end forecast $"
    from spend.runway
    where account_id = $account
"""
_MONTHS = """
    select
        strftime(monthly.month, '%Y-%m') as month,
        format('{:,.2f}', monthly.amount) as "spend $",
        monthly.is_final as final,
        coalesce(reconciliation.verdict, 'not enough data') as "usage, preview, balance and invoices"
    from spend.monthly
    left join spend.reconciliation using (account_id, month)
    where account_id = $account
    order by month desc
    limit 6
"""


_CENTS = {"cents": "cents"}
_DOLLARS = {
    "dollars": "dollars",
    "gross": "gross $",
    "credits": "credits $",
    "net": "net $",
    "due": "due $",
    "paid": "paid $",
}
"""Columns that hold cents, shown as they are or in dollars, with the headings that say so."""

QUESTIONS = {
    "Usage of the last seven UTC days, today so far (unit undocumented, taken as cents)": _LAST_DAYS,
    "This month by model, from the invoice preview": _BY_MODEL,
    "Prepaid credit now": _BALANCE,
    "Newest invoices": _INVOICES,
    "How long the credit lasts, from spend.runway": _RUNWAY,
    "Spend per month, and whether the sources agree, from spend.monthly and spend.reconciliation": _MONTHS,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the answers and end the process with an exit code, as the commands do."""
    given = sys.argv[1:] if arguments is None else arguments
    sys.exit(exits.run(lambda: show(given[0] if given else None)))


def show(database: str | None) -> None:
    """Print row counts and the answers. Raises `SettingsError` when the file does not contain the demo's account."""
    path = settings.database_path(database or settings.DEMO_DATABASE)
    with read.connect(path) as connection:
        if DEMO_ACCOUNT_ID not in holdings.accounts(connection):
            raise SettingsError(f"{path} does not contain the demo's account. Run `aig-billing load --demo` first.")
        counts = [(table, *_one(connection, table)) for table in TABLES]
        output.print_table(["table", "rows"], counts, title=f"Contents of {path}", right=[1])
        for title, sql in QUESTIONS.items():
            answer = connection.execute(sql, {"account": DEMO_ACCOUNT_ID})
            columns = [column[0] for column in answer.description or []]
            rows = [tuple(map(_shown, columns, row)) for row in answer.fetchall()]
            names = [(_CENTS | _DOLLARS).get(column, column) for column in columns]
            right = [n for n, column in enumerate(columns) if column in _CENTS | _DOLLARS]
            output.print_table(names, rows, title=title, right=right)


def _shown(column: str, value: object) -> object:
    """Rounded for the eye only: the tables keep every digit."""
    if not isinstance(value, Decimal):
        return value
    return f"{value / 100:,.2f}" if column in _DOLLARS else f"{value:,.4f}"


def _one(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[int]:
    (count,) = connection.execute(f"select count(*) from ai_gateway_billing.{table}").fetchone() or (0,)  # noqa: S608
    return (int(count),)


if __name__ == "__main__":
    main()
