"""What a table says of a top-up."""

from __future__ import annotations

from datetime import date

import pytest

from ai_gateway_billing_pipeline.answers import standing


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

    assert standing.topup(row) == words
