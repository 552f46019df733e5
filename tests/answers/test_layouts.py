"""How accounts are called in a table, and what it says of a top-up."""

from __future__ import annotations

from datetime import date

import pytest

from ai_gateway_billing_pipeline.answers import columns, layouts
from ai_gateway_billing_pipeline.database.scope import Account
from support.constants import ACCOUNT, OTHER


def account(name: str | None, account_id: str = ACCOUNT) -> Account:
    return Account(account_id, name, None, "USD", None, is_gone=False)


@pytest.mark.parametrize(
    ("name", "others", "label"),
    [
        (None, [], ACCOUNT),
        ("Research", [], "Research"),
        ("  two\n words ", [], "two words"),
        ("x" * 50, [], "x" * 31 + "…"),
        ("Same", ["Same"], "Same (aaaaaaaa)"),
        ("x" * 50, ["x" * 50], "x" * 20 + "… (aaaaaaaa)"),
    ],
)
def test_an_account_is_called_by_its_name_or_id(name: str | None, others: list[str], label: str) -> None:
    own = account(name)

    assert columns.label(own, [own, *(account(other, OTHER) for other in others)]) == label


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("on", None, "on, about 2026-11-23"),
        ("off", None, "off"),
        ("failing", "card declined", "failing: card declined"),
        ("disabled", "x" * 100, "disabled: " + "x" * 59 + "…"),
        ("no card", None, "no card"),
    ],
)
def test_a_top_up_says_why_it_does_not_happen(state: str, reason: str | None, words: str) -> None:
    row = {"auto_topup": state, "auto_topup_reason": reason, "next_topup_date": date(2026, 11, 23)}

    assert layouts.topup(row) == words
