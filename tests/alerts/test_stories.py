"""What the simulator's stories bring: each is found as what it is, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.simulator import plots
from ai_gateway_billing_pipeline.database import checks, read
from ai_gateway_billing_pipeline.database.checks import Finding
from support.bench import Bench
from support.constants import HOUR, NOW

Plot = Callable[..., Any]
STORIES: dict[str, tuple[Plot, set[tuple[str, str]], str]] = {
    "usual": (plots.usual, set(), ""),
    "slow growth": (plots.slow_growth, set(), ""),
    "spike on a weekday": (plots.weekday_spike, {("anomalies", "warning")}, "2026-11-18 cost 40.00 USD"),
    "spike on a weekend": (plots.weekend_spike, {("anomalies", "warning")}, "2026-11-21 cost 8.00 USD"),
    "credit runs out": (plots.credit_runs_out, {("low_credit", "error")}, "no automatic top-up is set up"),
    "top-up fails": (
        plots.topup_fails,
        {("automatic_topup", "error"), ("low_credit", "error")},
        "is failing: Your card was declined",
    ),
    "top-up disabled": (
        plots.topup_disabled,
        {("automatic_topup", "error"), ("low_credit", "error")},
        "is disabled: too_many_failures",
    ),
}
IDS = {name: f"{number:x}" * 32 for number, name in enumerate(STORIES, start=1)}
LATE = "f" * 32


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One account for each story, loaded once, with one of its own for the late event."""
    bench = Bench(tmp_path_factory.mktemp("stories"), start="2026-09-01").with_tables()
    for name, (plot, _, _) in STORIES.items():
        plot(bench.account(IDS[name]), NOW)
    plots.usual(bench.account(LATE), NOW)
    bench.load_well("all")
    yield bench
    bench.close()


def found(database: Path, account_id: str) -> list[Finding]:
    with read.connect(database) as connection:
        return [each for each in checks.findings(connection, NOW + HOUR) if each.account_id == account_id]


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_found_as_what_it_is(bench: Bench, name: str) -> None:
    _, expected, words = STORIES[name]

    told = found(bench.database, IDS[name])

    assert {(each.check, each.severity) for each in told} == expected
    assert words in " ".join(each.finding for each in told)


def test_an_event_that_comes_late_makes_a_budget_worse(bench: Bench) -> None:
    """Yesterday, a Saturday, cost 2 dollars of 3; the day after it turns out that it were 7."""
    assert crossed(bench) == []

    plots.late_event(bench.world.accounts[LATE], NOW)
    bench.now += HOUR
    bench.load_well("all")

    (finding,) = crossed(bench)
    assert "7.00 of 3.00 USD" in finding.finding
    assert "2026-11-21" in finding.finding


def crossed(bench: Bench) -> list[Finding]:
    """With a budget a day for the account, as a setting would put it there, what of yesterday is found."""
    bench.close()
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("delete from ai_gateway_billing.budgets")
        connection.execute(
            "insert into ai_gateway_billing.budgets (name, amount, currency, period, accounts, thresholds) "
            "values ('late', 3, 'USD', 'day', $1, '100')",
            [LATE],
        )
    return [each for each in found(bench.database, LATE) if each.check == "budgets" and "2026-11-21" in each.finding]
