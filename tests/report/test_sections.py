"""The sections of report and notebook: which of them show something of which data, and what stands in a table."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.database.scope import ALL, Days
from ai_gateway_billing_pipeline.report import charts, questions, sections
from ai_gateway_billing_pipeline.report.drawing import NOTEBOOK_MIME, Figure
from ai_gateway_billing_pipeline.report.sections import SECTIONS, Table
from support.constants import ACCOUNT, OTHER, ROOT
from support.demo_history import DEMO_ACCOUNT_ID, built
from support.raw_tables import Row, at, covered, database, invoice, named, used
from support.spending import lines, two_accounts

DAYS = ("2026-11-20", "2026-11-21")
HOURS: dict[str, list[Row]] = {
    "usage_hourly": [used(day, "100", hour=3) for day in DAYS],
    "usage_coverage": [covered(day, "hour") for day in DAYS],
}


def estimated(gateway: str | None, usd: str, *, wholesale: bool = True) -> Row:
    """A gateway's requests of one hour."""
    return {
        "account_id": ACCOUNT, "hour": at("2026-11-20T05:00"), "gateway": gateway, "provider": "openai",
        "model": "gpt-5", "wholesale": wholesale, "requests": 1234, "tokens_in": 30, "tokens_out": 3,
        "cost_usd_estimate": Decimal(usd),
    }  # fmt: skip


def previewed(cents: str) -> dict[str, list[Row]]:
    """The preview of a month with one model."""
    version, shown = lines("2026-11-01", "2026-12-01", "usd", ACCOUNT, large=cents)
    return {"invoice_preview": [version], "invoice_preview__invoice_lines": shown}


def balances(*seen: tuple[str, str]) -> dict[str, list[Row]]:
    """Versions of the balance in cents, by when they were read."""
    rows = [
        {"account_id": ACCOUNT, "balance": Decimal(cents), "_dlt_valid_from": at(moment), "_dlt_id": moment}
        for moment, cents in seen
    ]
    for row, later in pairwise(rows):
        row["_dlt_valid_to"] = later["_dlt_valid_from"]
    return {"credit_balance": rows}


RUNWAY = "Balance and runway"
OF_USAGE = {RUNWAY, "Spend per day", "Spend per month", "Most expensive hours"}


@pytest.mark.parametrize(
    ("tables", "shown"),
    [
        ({}, set()),
        (HOURS, OF_USAGE),
        ({"usage_daily": [used(day, "100") for day in DAYS]}, OF_USAGE - {"Most expensive hours"}),
        ({"invoices": [invoice("2026-11-02")]}, {RUNWAY, "Invoices"}),
        (balances(("2026-11-20", "900")), {RUNWAY}),
        (balances(("2026-11-20", "900"), ("2026-11-21", "800")), {RUNWAY, "Credit and top-ups"}),
        (previewed("300"), {RUNWAY, "By model", "By model and day"}),
        (HOURS | {"gateway_usage_hourly": [estimated("a", "1")]}, {*OF_USAGE, "Who spent it (estimate)"}),
        ({"gateway_usage_hourly": [estimated("a", "1")]}, set()),
    ],
    ids=["nothing", "hours", "days", "an invoice", "a balance", "balances", "a preview", "estimates beside hours",
         "estimates alone"],
)  # fmt: skip
def test_a_section_shows_something_when_its_own_data_is_there(
    tables: dict[str, list[Row]], shown: set[str], tmp_path: Path
) -> None:
    with database(tmp_path, **tables) as connection:
        found = {name: section(connection, ACCOUNT, ALL) for name, section in SECTIONS.items()}
        there = {name for name, each in found.items() if isinstance(each, Table) or each.chart is not None}

    assert there == shown
    assert [each.note for name, each in found.items() if name not in there if not each.note.endswith(".")] == []


def test_another_accounts_data_is_shown_to_nobody(tmp_path: Path) -> None:
    with two_accounts(tmp_path) as connection:
        found = {name: section(connection, "c" * 32, ALL) for name, section in SECTIONS.items()}

    assert [name for name, each in found.items() if isinstance(each, Table) or each.chart is not None] == []


def test_notebook_and_report_show_the_same_sections() -> None:
    script = (ROOT / "notebooks/01_spend.py").read_text()
    shown = re.findall(r"^sections\.(\w+)\(billing, account, days\)$", script, re.MULTILINE)

    assert shown == [section.__name__ for section in sections.SECTIONS.values()]


def test_what_notebooks_alone_show_is_drawn_too() -> None:
    with read.connect(built("demo")) as billing:
        comparisons = charts.comparisons(questions.comparisons(billing, DEMO_ACCOUNT_ID))
        heat = charts.by_weekday_and_hour(questions.by_weekday_and_hour(billing, DEMO_ACCOUNT_ID))
        unusual = charts.unusual_days(questions.unusual_days(billing, DEMO_ACCOUNT_ID))
        table = sections.reconciliation(billing, DEMO_ACCOUNT_ID)

    assert comparisons.title.endswith("confirm the unit that is set")
    assert all(figure.chart is not None for figure in (comparisons, heat, unusual))
    assert isinstance(table, sections.Table)
    assert NOTEBOOK_MIME in heat._repr_mimebundle_()
    assert "Usage agrees" in table._repr_mimebundle_()["text/html"]


# --- tables ----------------------------------------------------------------------------------------------------------


def told(table: Figure | Table) -> list[str]:
    """The rows of a table, each as a line."""
    assert isinstance(table, Table)
    return [" | ".join(row) for row in table.rows]


def test_the_runway_tells_what_is_known_and_calls_the_rest_unknown(tmp_path: Path) -> None:
    with two_accounts(tmp_path) as connection:
        research, production = (sections.runway(connection, account) for account in (ACCOUNT, OTHER))

    assert told(research) == [
        "Balance | $20.00 | without a top-up, used up about 12 Dec 2026",
        "Spend per day, last 7 days | $1.00 | $1.00 over the last 30",
        "Month so far | $4.00 | since 1 Nov 2026",
        "Month-end forecast | $13.00 | estimate",
        "Automatic top-up | off | ",
    ]
    assert told(production)[:2] == [
        "Balance | −€0.05 | ",
        "Spend per day, last 7 days | unknown | unknown over the last 30",
    ]


def test_the_runway_tells_the_next_top_up_and_its_price(tmp_path: Path) -> None:
    topup = {
        "account_id": ACCOUNT,
        "amount": 1000,
        "threshold": 500,
        "_dlt_valid_from": at("2026-11-01"),
        "_dlt_id": "t",
    }
    balance = {
        "account_id": ACCOUNT, "balance": 2000, "has_default_payment_method": True, "_dlt_valid_from": at("2026-11-20"),
        "_dlt_id": "b",
    }  # fmt: skip
    with two_accounts(tmp_path, topup_config=[topup], credit_balance=[balance]) as connection:
        lines = told(sections.runway(connection, ACCOUNT))

    assert lines[-1].startswith("Next top-up | $10.00 | ")
    assert (
        lines[-1].endswith(" Nov 2026, costs $10.50 with the fee") or "Dec 2026, costs $10.50 with the fee" in lines[-1]
    )


def test_all_accounts_stand_above_the_sums_of_their_currency(tmp_path: Path) -> None:
    names = [named(ACCOUNT, "n" * 80), named(OTHER, None)]
    with two_accounts(tmp_path, account_names=names, credit_balance=[]) as connection:
        table = sections.overview(connection, [ACCOUNT, OTHER])
        one = sections.overview(connection, [ACCOUNT])

    assert told(table) == [
        f"{OTHER} | €1.00 | €1.00 | unknown | ",
        "Total EUR of what is known | €1.00 | €1.00 | unknown | ",
        f"{'n' * 59}… | $4.00 | $13.00 | unknown | ",
        "Total USD of what is known | $4.00 | $13.00 | unknown | ",
    ]
    assert (table.title, one.title) == ("2 accounts", "1 account")
    assert len(one.rows) == 2


def test_the_bill_is_shared_out_and_what_nobody_named_is_said_to_be(tmp_path: Path) -> None:
    estimates = [estimated("a", "3"), estimated(None, "1"), estimated("a", "7", wholesale=False)]
    usage = [used("2026-11-20", "1000"), used("2026-11-21", "500")]
    with database(tmp_path, usage_daily=usage, gateway_usage_hourly=estimates) as connection:
        table = sections.who_spent_it(connection, ACCOUNT)

    assert told(table) == [
        "a | $7.50 | 2,468 | $7.00",
        "not named | $2.50 | 1,234 | $0.00",
        "unattributed | $5.00 |  | ",
    ]
    assert table.note.startswith("Estimate:")


def test_days_narrow_a_section(tmp_path: Path) -> None:
    day = Days(date(2026, 11, 21), date(2026, 11, 21))
    with database(tmp_path, **HOURS) as connection:
        whole, narrow = (sections.per_day(connection, ACCOUNT, days) for days in (ALL, day))

    assert whole.title != narrow.title
    assert narrow.title == "21 Nov 2026 cost $1.00"


def test_a_headline_counts_every_invoice_and_not_the_twelve_shown(tmp_path: Path) -> None:
    unpaid = [
        invoice(f"2026-10-{day:02}", "open", "1000", currency="USD" if day % 2 else "eur") for day in range(1, 24)
    ]
    undated = [invoice(None, "open", "975"), invoice("2026-10-01", "draft"), invoice("2026-10-01", "uncollectible")]
    with database(tmp_path, invoices=unpaid + undated) as billing:
        table = sections.invoices(billing, ACCOUNT)

    assert isinstance(table, sections.Table)
    assert table.title == (
        "24 open invoices worth €110.00 and $129.75; 1 draft invoice worth $10.50; 1 uncollectible invoice worth $10.50"
    )
    assert len(table.rows) == 12
    assert table.note.startswith("The 12 shown of 26")


def test_a_months_verdict_has_its_reason_and_its_amounts_beside_it(tmp_path: Path) -> None:
    with database(tmp_path, **HOURS, **previewed("307")) as connection:
        table = sections.reconciliation(connection, ACCOUNT)

    (month,) = told(table)
    assert month == "Nov 2026 | not enough data |  | $2.00 |  | $3.07 | $3.07 |  | "


def test_without_a_month_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        figure = sections.reconciliation(connection, ACCOUNT)

    assert isinstance(figure, Figure)
    assert figure.note == "There is nothing to compare yet: no month has been read."


def test_a_table_sets_its_numbers_right_and_takes_texts_for_texts() -> None:
    html = Table("t", "n", ["name", "due"], [["<b>", "1 & 2"]], [1]).html()

    assert html == (
        '<table><thead><tr><th>name</th><th class="number">due</th></tr></thead>'
        '<tbody><tr><td>&lt;b&gt;</td><td class="number">1 &amp; 2</td></tr></tbody></table>'
    )


def test_a_notebook_shows_a_table_with_its_finding_and_an_empty_one_as_a_sentence() -> None:
    full = Table("Finding", "Note.", ["a"], [["1"], ["2"]])._repr_mimebundle_()
    empty = Table("Finding", "Nothing yet.", ["a"], [])._repr_mimebundle_()

    assert full["text/plain"] == "Finding\nNote.\n1\n2"
    assert "<strong>Finding</strong><br>Note." in full["text/html"]
    assert empty == {"text/plain": "Nothing yet.", "text/markdown": "*Nothing yet.*"}
