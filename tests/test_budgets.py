"""Budgets of the settings: what they say, and that each value that cannot be is told with its place."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline import budgets, settings
from ai_gateway_billing_pipeline.budgets import Budget
from support.bench import Bench
from support.command import aig
from support.constants import ACCOUNT, TODAY

README = Path(__file__).parents[1] / "README.md"
CONFIG = """
[sources.ai_gateway_billing.budgets.everything]
amount = 250.10
period = "month"

[sources.ai_gateway_billing.budgets."team a"]
amount = 20
period = "week"
currency = "eur"
accounts = ["Team A", "decafbad000000000000000000000002"]
model = "openai/gpt-5"
thresholds = [33.3, 100, 120]
"""


def configured(text: str) -> None:
    Path(".dlt").mkdir(exist_ok=True)
    Path(".dlt/config.toml").write_text(text, "utf-8")


def test_budgets_are_read_from_the_settings_as_they_are_written() -> None:
    """A float of TOML is 250.10, not the binary number next to it."""
    configured(CONFIG)

    assert settings.budgets_of_dlt() == (
        Budget("everything", Decimal("250.1"), "month"),
        Budget(
            "team a",
            Decimal(20),
            "week",
            "EUR",
            ("Team A", "decafbad000000000000000000000002"),
            "openai/gpt-5",
            (Decimal("33.3"), Decimal(100), Decimal(120)),
        ),
    )


def test_what_the_readme_shows_is_read() -> None:
    shown = re.findall(r"```toml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (text,) = (block for block in shown if ".budgets." in block)

    found = budgets.budgets_in(tomllib.loads(text)["sources"]["ai_gateway_billing"]["budgets"])
    assert [(each.name, each.amount, each.period) for each in found] == [
        ("everything", 250, "month"),
        ("research", 20, "week"),
    ]


def test_no_budget_is_set_where_none_is_written() -> None:
    assert settings.budgets_of_dlt() == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"amount": 1, "period": "year"}, "period is 'year'; it must be day, week or month"),
        ({"amount": -1, "period": "day"}, "amount is -1; it must be above 0"),
        ({"amount": 0, "period": "day"}, "amount is 0; it must be above 0"),
        ({"amount": 1e15, "period": "day"}, "below 1,000,000,000,000"),
        ({"amount": float("nan"), "period": "day"}, "amount is nan; it must be a number"),
        ({"amount": "much", "period": "day"}, "amount is 'much'; it must be a number"),
        ({"amount": True, "period": "day"}, "amount is 'True'; it must be a number"),
        ({"amount": [1], "period": "day"}, "it must be a number"),
        ({"amount": "0.00000000001", "period": "day"}, "more than 10 places"),
        ({"period": "day"}, "amount is missing"),
        ({"amount": 1}, "period is missing"),
        ({"amount": 1, "period": "day", "limit": 2}, "'limit' is no key of a budget; known are amount, currency"),
        ({"amount": 1, "period": "day", "currency": "dollar"}, "currency is 'dollar'; it must be a code"),
        ({"amount": 1, "period": "day", "currency": 5}, "currency is '5'"),
        ({"amount": 1, "period": "day", "accounts": 5}, "accounts must be an account id or name"),
        ({"amount": 1, "period": "day", "accounts": ["a", ""]}, "accounts must be text"),
        ({"amount": 1, "period": "day", "model": ""}, "model must be text"),
        ({"amount": 1, "period": "day", "thresholds": [80, 50]}, "thresholds must rise"),
        ({"amount": 1, "period": "day", "thresholds": [50, 50]}, "thresholds must rise"),
        ({"amount": 1, "period": "day", "thresholds": []}, "thresholds must be a list"),
        ({"amount": 1, "period": "day", "thresholds": 80}, "thresholds must be a list"),
        ({"amount": 1, "period": "day", "thresholds": ["x"]}, "a threshold is 'x'; it must be a number"),
        ({"amount": 1, "period": "day", "thresholds": [0]}, "each threshold must be above 0"),
        (5, "it is not a table"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_told_with_its_budget(given: object, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        budgets.budgets_in({"team": given})

    assert str(caught.value).startswith("Budget 'team': ")
    assert said in str(caught.value)
    assert "[sources.ai_gateway_billing.budgets.team]" in str(caught.value)


def test_a_load_ends_with_2_for_a_budget_that_cannot_be() -> None:
    configured("[sources.ai_gateway_billing.budgets.team]\namount = 5\nperiod = 'year'\n")

    result = aig("load", "--demo")

    assert (result.code, "period is 'year'" in result.err) == (2, True)


def test_each_load_puts_the_budgets_of_the_settings_in_place_of_the_old_ones(tmp_path: Path) -> None:
    bench = Bench(tmp_path).with_tables()
    bench.account().set_hour(TODAY, 500)
    bench.budgets = (Budget("all", Decimal(10), "month"), Budget("gone", Decimal(1), "day"))
    bench.load_well()
    bench.budgets = (Budget("all", Decimal(4), "month", accounts=(ACCOUNT,)),)
    bench.load_well()

    found = bench.rows("select budget, account_id, amount, spent, threshold_crossed, state from spend.budget")
    assert found == [("all", ACCOUNT, 4, 5, 100, "exceeded")]
