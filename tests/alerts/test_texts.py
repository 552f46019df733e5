"""What people read: short, whole, with what to do, and harmless wherever it is shown."""

from __future__ import annotations

import pytest

from ai_gateway_billing_pipeline.alerts import texts
from ai_gateway_billing_pipeline.alerts.news import Kind, News
from ai_gateway_billing_pipeline.database.checks import Finding
from support.constants import ACCOUNT, NOW, OTHER

PLACE = texts.Place("web-1", "/srv/billing.duckdb", {ACCOUNT: "Acme"})


def item(text: str = "The credit runs out.", kind: Kind = Kind.NEW, severity: str = "error", name: str = "1a") -> News:
    return News(kind, Finding(name, "low_credit", severity, ACCOUNT, text), is_repeat=False)  # type: ignore[arg-type]


def body(*items: News, limit: int = texts.BODY_BYTES) -> str:
    return texts.body(items, PLACE, {"1a": NOW}, limit)


def test_a_message_says_where_whose_what_and_what_to_do() -> None:
    assert body(item()).splitlines() == [
        "/srv/billing.duckdb on web-1",
        "",
        f"Error for Acme ({ACCOUNT}) [1a]: The credit runs out.",
        "",
        "aig-billing check lists all; with --accept ID it stops reporting one.",
    ]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.WORSE, "Error, worse than before for Acme"),
        (Kind.STILL, "Error, still there for Acme"),
        (Kind.OVER, "Resolved for Acme"),
    ],
)
def test_a_message_says_what_is_new_about_it_and_since_when_it_was_there(kind: Kind, words: str) -> None:
    text = body(item(kind=kind))

    assert words in text
    assert ", since 2026-11-22 10:30 UTC [1a]" in text


def test_an_account_without_a_name_is_called_by_its_id() -> None:
    assert PLACE.account(OTHER) == OTHER


def test_what_belongs_to_no_account_names_none() -> None:
    finding = Finding("1a", "stopped_schedule", "error", "", "No load.")

    assert "\nError [1a]: No load.\n" in body(News(Kind.NEW, finding, is_repeat=False))


def test_the_title_counts_what_is_in_it() -> None:
    items = [item(), item(severity="warning"), item(severity="warning"), item(severity="info"), item(kind=Kind.OVER)]

    assert texts.title(items) == "AI Gateway billing: 1 error, 2 warnings, 1 note, 1 resolved"


def test_the_worst_comes_first_and_what_is_over_last() -> None:
    text = body(item("over", Kind.OVER), item("note", severity="info"), item("warn", severity="warning"), item("bad"))

    assert sorted(("bad", "warn", "note", "over"), key=text.index) == ["bad", "warn", "note", "over"]


@pytest.mark.parametrize("limit", [200, 500, 1_800])
@pytest.mark.parametrize("letter", ["x", "ü", "漢"])
def test_many_findings_fit_and_the_rest_is_counted(limit: int, letter: str) -> None:
    text = body(*(item(letter * 20, name=f"{number}") for number in range(100)), limit=limit)

    shown = text.count(letter * 20)
    assert len(text.encode()) <= limit
    assert 0 < shown < 100
    assert f"… and {100 - shown} more." in text


def test_one_finding_that_is_too_long_is_cut() -> None:
    assert len(body(item("漢" * 5_000), limit=300).encode()) <= 300


@pytest.mark.parametrize("call", ["@everyone", "@here", "<!channel>", "<@U123>", "<https://evil.example|pay>"])
def test_a_name_from_outside_calls_nobody_and_links_to_nothing(call: str) -> None:
    place = texts.Place("web-1", "b.duckdb", {ACCOUNT: f"Acme {call}\nError: pay now\x1b[2J"})

    text = texts.body([item()], place, {})

    assert call not in text
    assert "\nError: pay now" not in text
    assert "\x1b" not in text


def test_a_mail_address_in_a_name_stays() -> None:
    assert texts.harmless("kim@example.com's Account") == "kim@example.com's Account"
