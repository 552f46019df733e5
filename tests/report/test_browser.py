"""The report in a real browser: it draws, it asks nobody, it complains of nothing, it fits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from support import browser
from support.command import aig
from support.raw_tables import Row, at, database, invoice, preview

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

from support.constants import ACCOUNT
from support.demo_history import built

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium here; .ci/install-chromium installs it on Debian"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "spend.html"
    ran = aig("report", "--database", str(built("demo")), "--output", str(path))
    assert ran.code == 0, ran.err
    return path


LONG = (
    "a-provider-with-a-long-name/some-model-family-v4-instruct-preview-2026-11-20",
    "@cf/meta/llama-3.3-70b-instruct-fp8-fast-with-an-even-longer-suffix-than-usual",
    "openai/gpt-5.5",
)


def written(folder: Path, currency: str, models: tuple[str, ...], days: int) -> Path:
    """The report on an account with that many days of usage, one preview and one open invoice."""
    start = at("2026-11-01")
    hours = [
        {"account_id": ACCOUNT, "bucket_start": start + timedelta(hours=n), "aggregated_value": Decimal(70 + n)}
        for n in range(24 * days - 5)
    ]
    version = preview("2026-11-01", "2026-12-01", f"2026-11-{days:02}T19:00", currency)
    lines: list[Row] = [
        {"account_id": ACCOUNT, "description": model, "amount": Decimal(1000 + n), "currency": currency, "quantity": 1,
         "_dlt_parent_id": "v", "_dlt_id": f"l{n}"}
        for n, model in enumerate(models)
    ]  # fmt: skip
    tables = {"usage_hourly": hours, "invoices": [invoice("2026-11-01", "open", currency=currency)]}
    previews = {"invoice_preview": [{**version, "_dlt_id": "v"}], "invoice_preview__invoice_lines": lines}
    database(folder, **tables, **previews).close()
    path = folder / "spend.html"
    ran = aig("report", "--database", str(folder / "billing.duckdb"), "--output", str(path))
    assert ran.code == 0, ran.err
    return path


def texts(page: browser.Page) -> list[str]:
    """Every text of every chart."""
    return list(page.evaluate("[...document.querySelectorAll('.chart svg text')].map(text => text.textContent)"))


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    with browser.browser() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_report_is_drawn_and_fits(page: browser.Page, report: Path, width: int, scheme: str) -> None:
    page.events.clear()
    page.look(report, width, scheme=scheme)

    drawn = page.evaluate("[...document.querySelectorAll('.chart')].map(c => c.querySelectorAll('svg path').length)")
    assert len(drawn) == 6
    assert min(drawn) > 3
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # No bar or label lies outside its card, and no text is too small to read.
    assert page.evaluate(
        "[...document.querySelectorAll('.chart')].filter(c => [...c.querySelectorAll('svg text')].some(t => "
        "t.getBoundingClientRect().right > c.parentElement.getBoundingClientRect().right + 1)).map(c => c.id)"
    ) == []  # fmt: skip
    assert page.evaluate("Math.min(...[...document.querySelectorAll('svg text')].map("
                         "t => parseFloat(getComputedStyle(t).fontSize)))") >= 10  # fmt: skip
    assert set(page.requests) == {report.resolve().as_uri()}
    assert page.complaints == []


def test_dark_is_dark_and_print_is_light(page: browser.Page, report: Path) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.look(report, 1280, scheme="dark")
    dark = background()
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    assert dark == "rgb(14, 17, 22)"
    assert background() == "rgb(255, 255, 255)"


def test_the_page_may_ask_for_nothing_even_if_it_tried(page: browser.Page, report: Path) -> None:
    page.look(report, 1280)

    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')") == "refused"
    assert "Content Security Policy" in str(page.complaints)


def test_long_names_of_models_are_whole_on_a_wide_screen_and_inside_the_page_on_a_phone(
    page: browser.Page, tmp_path: Path
) -> None:
    path = written(tmp_path, "usd", LONG, days=9)

    page.look(path, 1920)
    assert [texts(page).count(name) for name in LONG] == [2, 2, 2], (
        "in the chart of the month and in the legend of days"
    )
    page.look(path, 390)
    assert page.evaluate(
        "[...document.querySelectorAll('.chart svg text')].filter(t => t.getBoundingClientRect().right > 381).length"
    ) == 0  # fmt: skip


def test_axes_show_the_sign_of_their_currency(page: browser.Page, tmp_path: Path) -> None:
    page.look(written(tmp_path, "eur", LONG, days=9), 1280)

    shown = texts(page)
    assert "€0" in shown
    assert not [text for text in shown if "$" in text]
    assert "€10.00 · 33%" in shown


def test_one_day_has_one_label(page: browser.Page, tmp_path: Path) -> None:
    page.look(written(tmp_path, "usd", LONG, days=1), 1280)

    assert texts(page).count("1 Nov") == 1
    assert not [complaint for complaint in page.complaints if "Infinite extent" in str(complaint)]


@pytest.mark.parametrize("width", [703, 725], ids=["A4", "Letter"])
def test_a_sheet_of_paper_has_every_column_and_readable_charts(page: browser.Page, report: Path, width: int) -> None:
    page.look(report, width, media="print")

    assert page.evaluate("[...document.querySelectorAll('.invoices th')].filter(th => th.offsetWidth > 0).length") == 6
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("new Set([...document.querySelectorAll('.spend-per-month, .by-model')].map("
                         "s => s.getBoundingClientRect().top)).size") == 1  # fmt: skip


def test_charts_are_drawn_anew_for_paper(page: browser.Page, report: Path) -> None:
    page.look(report, 1920)
    widths = "[...document.querySelectorAll('.chart svg')].map(svg => Math.round(svg.getAttribute('width')))"
    before = page.evaluate(widths)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert max(before) > 1000
    assert max(page.evaluate(widths)) <= 703
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("new Promise(done => setTimeout(() => done(" + widths + "), 500))") == before
