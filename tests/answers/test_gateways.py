"""Who spent it: the bill is exact, its shares are estimates, and what nobody knows is not zero."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing_pipeline.answers import printing
from ai_gateway_billing_pipeline.answers.questions import QUESTIONS, Answer
from ai_gateway_billing_pipeline.database.scope import Asked, scope
from support.constants import ACCOUNT, NOW
from support.raw_tables import Row, at, database, fill, used


def estimated(day: str, gateway: str, usd: str, *, wholesale: bool = True, model: str = "gpt-5") -> Row:
    return {
        "account_id": ACCOUNT, "hour": at(f"{day}T05:00"), "gateway": gateway, "provider": "openai", "model": model,
        "wholesale": wholesale, "requests": 3, "tokens_in": 30, "tokens_out": 3, "cost_usd_estimate": Decimal(usd),
    }  # fmt: skip


def ask(folder: Path, usage: list[Row], estimates: list[Row], **asked: object) -> Answer:
    with database(folder, usage_daily=usage, gateway_usage_hourly=estimates) as connection:
        return QUESTIONS["gateways"](connection, scope(connection, Asked((), **asked)))  # type: ignore[arg-type]


def test_each_gateway_has_its_share_of_the_bill_beside_its_estimates(tmp_path: Path) -> None:
    usage = [used("2026-11-20", "1000"), used("2026-11-21", "500")]
    estimates = [estimated("2026-11-20", "a", "3"), estimated("2026-11-20", "b", "1"),
                 estimated("2026-11-20", "b", "7", wholesale=False)]  # fmt: skip

    answer = ask(tmp_path, usage, estimates)

    keys = ("gateway", "amount", "estimate_usd", "own_keys_estimate_usd", "is_attributed")
    assert [tuple(row[key] for key in keys) for row in answer.rows] == [
        ("a", Decimal("7.5"), Decimal(3), Decimal(0), True),
        ("b", Decimal("2.5"), Decimal(1), Decimal(7), True),
        ("unattributed", Decimal(5), None, None, False),
    ]
    assert answer.totals[0]["amount"] == 15


def test_days_may_be_chosen(tmp_path: Path) -> None:
    usage = [used("2026-11-20", "1000"), used("2026-11-21", "500")]
    estimates = [estimated("2026-11-20", "a", "3"), estimated("2026-11-21", "b", "3")]

    assert [row["gateway"] for row in ask(tmp_path, usage, estimates, newest=1).rows] == ["b"]


def test_without_attribution_the_bill_is_unattributed_and_the_table_says_how_to_change_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = ask(tmp_path, [used("2026-11-20", "1000")], [])
    printing.show(answer, "table", NOW)

    shown = capsys.readouterr().out
    assert [(row["gateway"], row["amount"]) for row in answer.rows] == [("unattributed", Decimal(10))]
    assert "load --with attribution" in shown
    assert "estimate" in shown


amounts = st.lists(st.decimals("0", "99999999", places=18, allow_nan=False), min_size=1, max_size=4)
weights = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.decimals("0", "9999999", places=18)), max_size=8
)


@settings(max_examples=15, deadline=None)
@given(amounts, weights)
def test_shares_add_up_to_the_billed_day_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, cents: list[Decimal], shares: list[tuple[str, str, Decimal]]
) -> None:
    days = [f"2026-11-{n + 1:02}" for n in range(len(cents))]
    usage = [used(day, str(value)) for day, value in zip(days, cents, strict=True)]
    rows = [estimated(days[n % len(days)], who, str(usd), model=model) for n, (who, model, usd) in enumerate(shares)]
    with database(tmp_path_factory.mktemp("shares")) as connection:
        fill(connection, usage_daily=usage, gateway_usage_hourly=rows)
        wrong = connection.execute(
            "select * from spend.daily full join (select account_id, day, sum(amount) as shared, count(*) as parts, "
            "count(distinct (gateway, provider, model)) as keys from spend.attribution group by all) "
            "using (account_id, day) where shared is distinct from amount or parts <> keys"
        ).fetchall()

    assert wrong == []
