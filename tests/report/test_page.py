"""`aig-billing report`: one page with everything inside, from the sections that the notebook shows."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support.clock import ROOT
from support.command import aig

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.report import charts, questions, sections, sentences
from ai_gateway_billing_pipeline.report import page as report
from ai_gateway_billing_pipeline.report.questions import Days
from support.demo_history import DEMO_ACCOUNT_ID, EMPTY_ACCOUNT_ID, built


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
    assert "is heading for" in page
    assert 'class="empty"' not in page.split("<noscript>")[0]


def test_nothing_in_the_page_is_fetched(tmp_path: Path) -> None:
    page = written("demo", tmp_path / "spend.html")
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)

    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", markup)
    assert page.count("<script") == page.count("</script>") == 3
    assert not re.search(r"url\(|@import", page[page.index("<style>") : page.index("</style>")])


def test_notebook_and_report_show_the_same_sections() -> None:
    script = (ROOT / "notebooks/01_spend.py").read_text()
    shown = re.findall(r"^sections\.(\w+)\(billing, account, days\)$", script, re.MULTILINE)

    assert shown == [section.__name__ for section in sections.SECTIONS.values()]


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
        hours = questions.dearest_hours(billing, DEMO_ACCOUNT_ID, days)

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

    assert "<img" not in table.html() + report._json({"model": evil}) + report._section("x", "y", table)


def test_json_tells_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "spend.html"
    ran = aig("report", "--database", str(built("empty")), "--output", str(path), "--json")

    assert ran.json["accounts"] == [EMPTY_ACCOUNT_ID]
    assert ran.json["bytes"] == path.stat().st_size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2026-02-30"], "is no date"),
        (["--from", "2026-03-01", "--to", "2026-02-01"], "lies after"),
        (["--account", "f" * 32], "holds nothing of the account"),
        (["--output", "no/such/folder/spend.html"], "cannot be written"),
        (["--database", "none.duckdb"], "There is no database"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], words: str) -> None:
    given = arguments if "--database" in arguments else [*arguments, "--database", str(built("empty"))]
    ran = aig("report", *given)

    assert ran.code == 2
    assert words in ran.err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_gateway_billing_pipeline.commands.report.find_spec", lambda name: None)
    ran = aig("report")

    assert ran.code == 2
    assert "[report]" in ran.err


def test_what_notebooks_alone_show_is_drawn_too() -> None:
    with read.connect(built("demo")) as billing:
        comparisons = charts.comparisons(questions.comparisons(billing, DEMO_ACCOUNT_ID))
        heat = charts.by_weekday_and_hour(questions.by_weekday_and_hour(billing, DEMO_ACCOUNT_ID))
        unusual = charts.unusual_days(questions.unusual_days(billing, DEMO_ACCOUNT_ID))
        table = sections.reconciliation(billing, DEMO_ACCOUNT_ID)

    assert comparisons.title.startswith("The unit that is set is right")
    assert all(figure.chart is not None for figure in (comparisons, heat, unusual))
    assert isinstance(table, sections.Table)
    assert charts.NOTEBOOK_MIME in heat._repr_mimebundle_()
    assert "Usage agrees" in table._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [(1234.5, "USD", "$1,234.50"), (-2, "EUR", "−€2.00"), (12, "CHF", "CHF 12.00"), (120, "JPY", "¥120")],
)
def test_money_is_written_as_people_do(amount: float, currency: str, words: str) -> None:
    assert sentences.money(amount, currency) == words
