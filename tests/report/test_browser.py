"""The report in a real browser: it draws, it asks nobody, it complains of nothing, it fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import browser
from support.command import aig

pytest.importorskip("altair", reason="the extra `report` is not installed: make .venv/.notebooks")
pytest.importorskip("vl_convert", reason="the extra `report` is not installed: make .venv/.notebooks")

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


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    with browser.browser() as opened:
        yield opened


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
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
