"""`aig-billing report`: one page with everything inside, from the sections that the notebook shows."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from support.command import aig

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.database.scope import Days
from ai_gateway_billing_pipeline.report import formats, questions, sections
from ai_gateway_billing_pipeline.report import page as report
from support.constants import ACCOUNT, OTHER
from support.demo_history import DEMO_ACCOUNT_ID, EMPTY_ACCOUNT_ID, built
from support.raw_tables import at, database, invoice, named, used
from support.spending import two_accounts


def written(what: str, path: Path, *arguments: str) -> str:
    ran = aig("report", "--database", str(built(what)), "--output", str(path), *arguments)
    assert ran.code == 0, ran.err
    return path.read_text("utf-8")


def specs(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="specs">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_the_page_has_every_section_and_its_charts(tmp_path: Path) -> None:
    page = written("demo", tmp_path / "spend.html")

    assert re.findall(r'<p class="topic">([^<]*)', page) == list(sections.SECTIONS)
    assert len(specs(page)) == 6
    assert "is forecast to cost" in page
    assert 'class="empty"' not in page.split("<noscript>")[0]


def test_nothing_in_the_page_is_fetched(tmp_path: Path) -> None:
    page = written("demo", tmp_path / "spend.html")
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)

    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", markup)
    assert page.count("<script") == page.count("</script>") == 3
    assert not re.search(r"url\(|@import", page[page.index("<style>") : page.index("</style>")])


def test_a_report_on_several_accounts_begins_with_all_of_them_and_their_sums(tmp_path: Path) -> None:
    two_accounts(tmp_path, account_names=[named(ACCOUNT, "<b>Research</b>"), named(OTHER, None)]).close()
    ran = aig("report", "--database", str(tmp_path / "billing.duckdb"), "--output", str(tmp_path / "spend.html"))
    page = (tmp_path / "spend.html").read_text("utf-8")

    assert ran.code == 0, ran.err
    overview = re.sub(r"<[^>]+>", " ", page[page.index("All accounts") : page.index("</main>")]).split()
    assert " ".join(overview).endswith(
        f"days left {OTHER} €1.00 €1.00 −€0.05 0.0 Total EUR €1.00 €1.00 −€0.05 "
        "&lt;b&gt;Research&lt;/b&gt; $4.00 $13.00 $20.00 20.0 Total USD $4.00 $13.00 $20.00"
    )
    assert f"<strong>&lt;b&gt;Research&lt;/b&gt;</strong> <code>{ACCOUNT}</code>" in page
    assert "<b>Research" not in page


@pytest.mark.parametrize("words", [["Research"], [ACCOUNT], ["ann@example.com's Account"]])
def test_accounts_of_a_report_are_named_by_id_name_or_alias(words: list[str], tmp_path: Path) -> None:
    two_accounts(tmp_path).close()
    named_so = [option for word in words for option in ("--account", word)]
    path = str(tmp_path / "spend.html")
    ran = aig("report", "--database", str(tmp_path / "billing.duckdb"), "--output", path, "--json", *named_so)

    assert ran.json["accounts"] == [ACCOUNT]
    assert "All accounts" not in Path(path).read_text("utf-8")


@pytest.mark.parametrize("what", ["empty", "young"])
def test_an_account_without_much_to_show_says_so(what: str, tmp_path: Path) -> None:
    page = written(what, tmp_path / "spend.html")

    assert re.findall(r'<p class="topic">([^<]*)', page) == list(sections.SECTIONS)
    assert page.count('<p class="empty">') >= 2
    assert EMPTY_ACCOUNT_ID in page


def test_a_range_narrows_days_hours_months_and_invoices(tmp_path: Path) -> None:
    page = written("demo", tmp_path / "spend.html", "--from", "2026-09-10", "--to", "2026-10-05")
    with read.connect(built("demo")) as billing:
        days = Days(date(2026, 9, 10), date(2026, 10, 5))
        per_day = questions.per_day(billing, DEMO_ACCOUNT_ID, days)
        per_month = questions.per_month(billing, DEMO_ACCOUNT_ID, days)
        hours = questions.expensive_hours(billing, DEMO_ACCOUNT_ID, days)

    assert "10 Sep 2026 to 5 Oct 2026" in page
    assert (per_day[0]["day"], per_day[-1]["day"]) == days
    assert [row["month"].month for row in per_month] == [9, 10]
    assert {row["hour"].date() for row in hours} <= {row["day"] for row in per_day}


def test_sections_say_what_the_views_say() -> None:
    with read.connect(built("demo")) as billing:
        rows = questions.per_day(billing, DEMO_ACCOUNT_ID)
        (total,) = billing.execute("select sum(amount) from spend.daily where day >= ?", [rows[0]["day"]]).fetchone()
        per_model = questions.per_model(billing, DEMO_ACCOUNT_ID)
        ((gross,),) = billing.execute(
            "select sum(gross) from spend.by_model where billing_month = '2026-11-01'"
        ).fetchall()

    assert sum(row["amount"] for row in rows) == total
    assert [row["is_complete"] for row in rows] == [True] * 59 + [False]
    assert sum(row["gross"] for row in per_model) == gross


def test_texts_of_the_api_stay_texts() -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    table = sections.Table(evil, evil, [evil], [[evil]])

    assert "<img" not in table.html() + report.in_script({"model": evil}) + report.as_section("x", "y", table)


EVIL = (
    "see https://invoice.example.test/i/acct_1/live_x or www.example.test/pay\x1b[31m\x07\u202e "
    "<b>4242 4242 4242 4242</b>"
)


def test_free_text_of_the_api_shows_no_link_no_card_and_no_control_character(tmp_path: Path) -> None:
    listed = [invoice("2026-11-01", "open", description=EVIL, invoice_origin=EVIL)]
    credit = {"account_id": ACCOUNT, "balance": 100, "_dlt_valid_from": at("2026-11-01"), "_dlt_id": "b"}
    topup = {
        "account_id": ACCOUNT, "amount": 1000, "threshold": 500, "error": EVIL, "_dlt_valid_from": at("2026-11-01"),
        "_dlt_id": "t",
    }  # fmt: skip
    database(tmp_path, invoices=listed, credit_balance=[credit], topup_config=[topup]).close()
    ran = aig("report", "--database", str(tmp_path / "billing.duckdb"), "--output", str(tmp_path / "spend.html"))
    body = (tmp_path / "spend.html").read_text("utf-8").split("<noscript>")[0].split("<body>")[1]

    assert ran.code == 0, ran.err
    assert body.count("see ***") == 2
    assert not re.search(r"example\.test|4242|<b>|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", body)


def test_accounts_are_ranked_within_a_currency_only(tmp_path: Path) -> None:
    usage = [used("2026-11-01", cents, name * 32) for name, cents in (("a", "9"), ("b", "353500"), ("c", "99999999"))]
    invoices = [invoice("2026-11-01", account_id=name * 32, currency=code) for name, code in
                (("a", "usd"), ("b", "usd"), ("c", "jpy"))]  # fmt: skip
    with database(tmp_path, usage_daily=usage, invoices=invoices) as billing:
        assert questions.accounts(billing) == ["b" * 32, "a" * 32, "c" * 32]


def test_models_by_day_add_up_to_the_month_and_fill_its_days() -> None:
    with read.connect(built("demo")) as billing:
        rows = questions.per_model_and_day(billing, DEMO_ACCOUNT_ID)
        month = questions.per_model(billing, DEMO_ACCOUNT_ID)
        spent = {row["day"]: row["amount"] for row in questions.per_day(billing, DEMO_ACCOUNT_ID)}

    days = {day: sum(row["gross"] for row in rows if row["day"] == day) for day in {row["day"] for row in rows}}
    november = {day: amount for day, amount in days.items() if day >= date(2026, 11, 1)}
    assert sum(november.values()) == sum(row["gross"] for row in month)
    assert len(november) == 22, "the first load's month so far is no single day"
    assert [float(amount) for amount in november.values()] == pytest.approx(
        [float(spent[day]) for day in november], rel=0.05, abs=0.1
    )


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("1234.5", "USD", "$1,234.50"),
        ("-2", "EUR", "−€2.00"),
        ("12", "CHF", "CHF\xa012.00"),
        ("92733.4", "JPY", "¥92,733"),
        ("1.5", "KWD", "KWD\xa01.500"),
        ("0", "USD", "$0.00"),
        ("0.001", "USD", "<$0.01"),
        ("-0.001", "USD", "<−$0.01"),
        ("0.3", "JPY", "<¥1"),
        ("3", None, "3.00"),
        ("1e15", "USD", "$1,000,000,000,000,000.00"),
    ],
)
def test_money_is_written_as_people_do(amount: str, currency: str | None, words: str) -> None:
    assert formats.money(Decimal(amount), currency) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (1, 1, "100%"),
        (0, 1, "0%"),
        ("0.004", 1, "under 1%"),
        ("0.996", 1, "over 99%"),
        (1, 4, "25%"),
        (30, 2, "1,500%"),
    ],
)
def test_a_share_is_all_or_nothing_only_when_it_is(part: str | int, whole: int, words: str) -> None:
    assert formats.percent(Decimal(part), Decimal(whole)) == words
