"""How an answer is printed: every digit for machines, and a sentence where there is no row."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ai_gateway_billing_pipeline.answers import printing
from ai_gateway_billing_pipeline.answers.questions import QUESTIONS, Answer
from ai_gateway_billing_pipeline.database.scope import Account, Asked, Scope
from support.constants import ACCOUNT, DAY, NOW, OTHER

DAYS = [date(2026, 11, day) for day in (20, 21)]
TICK = timedelta(seconds=1)


def account(account_id: str = ACCOUNT, as_of: datetime | None = NOW, *, is_gone: bool = False) -> Account:
    return Account(account_id, "Acme" if account_id == ACCOUNT else None, None, "USD", as_of, is_gone)


def answer(name: str = "daily", *accounts: Account, rows: list[dict[str, Any]] | None = None, **asked: Any) -> Answer:
    names = list(rows[0]) if rows else []
    return Answer(name, Scope(accounts, Asked(**asked)), names, rows or [], [], len(rows or []))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (answer(), "Nothing has been loaded yet. Run `aig-billing load` first."),
        (answer("daily", account()), "No spend of Acme is known yet."),
        (answer("invoices", account(OTHER)), f"No invoice of {OTHER} is known yet."),
        (answer("runway", account(), account(OTHER)), "No credit of these 2 accounts is known yet."),
        (answer("runway", account(is_gone=True)), "The API no longer lists Acme, so there is no runway."),
        (answer("daily", account(is_gone=True)), "No spend of Acme is known yet."),
        (
            answer("daily", account(), first=DAYS[0]),
            "No spend of Acme is known from 2026-11-20. The newest data is of 2026-11-22 10:30 UTC.",
        ),
        (
            answer("daily", account(as_of=None), first=DAYS[0], last=DAYS[1]),
            "No spend of Acme is known from 2026-11-20 to 2026-11-21. The newest data is of unknown UTC.",
        ),
        (
            answer("models", account()),
            "No spend by model of Acme is known for 2026-11 so far. --last 2 shows the month before, too.",
        ),
    ],
)
def test_where_there_is_no_row_a_sentence_says_why(given: Answer, words: str) -> None:
    assert printing.reason(given) == words


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_words_for_no_answer(name: str) -> None:
    assert printing.reason(answer(name, account()))


@pytest.mark.parametrize(
    ("age", "words"),
    [(DAY, []), (DAY + TICK, ["1 day old"]), (2 * DAY - TICK, ["1 day old"]), (3 * DAY, ["3 days old"])],
)
def test_data_is_old_after_a_day(age: timedelta, words: list[str]) -> None:
    found = printing.warnings(answer("daily", account(as_of=NOW - age), account(OTHER, NOW - 9 * DAY)), NOW)

    assert [each.partition(" is ")[2].partition(".")[0] for each in found] == words


@pytest.mark.parametrize("form", ["json", "csv"])
def test_machines_get_every_row_and_digit_and_no_sentence(
    form: printing.Form, capsys: pytest.CaptureFixture[str]
) -> None:
    exact = Decimal("0.0123456789")
    rows = [{"day": DAYS[0], "amount": exact}] * 1_500

    printing.show(answer("daily", account(as_of=NOW - 9 * DAY), rows=rows), form, NOW)

    out, err = capsys.readouterr()
    assert out.count(str(exact)) == 1_500
    assert err == ""


def test_json_without_a_row_is_an_object_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printing.show(answer("daily", account()), "json", NOW)

    assert json.loads(capsys.readouterr().out) == {"as_of": "2026-11-22T10:30:00Z", "daily": [], "totals": []}
