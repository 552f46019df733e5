"""What happens to a pretend account shows in the views, and what does not matter does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import Account, plots
from ai_gateway_billing_pipeline.budgets import Budget
from support.bench import Bench
from support.constants import HOUR

UNUSUAL = "select day, direction from spend.anomalies where is_anomaly"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, start="2026-09-01").with_tables()


@pytest.mark.parametrize("plot", [plots.weekday_spike, plots.weekend_spike])
def test_a_spike_is_told_of_on_any_day_of_the_week(bench: Bench, plot: Callable[[Account, datetime], datetime]) -> None:
    day = plot(bench.account(), bench.now)
    bench.load_well(grouping="hour")

    assert bench.rows(UNUSUAL) == [(day.date(), "above")]


@pytest.mark.parametrize("plot", [plots.usual, plots.slow_growth])
def test_a_usual_account_and_slow_growth_are_not_told_of(bench: Bench, plot: Callable[..., None]) -> None:
    plot(bench.account(), bench.now)
    bench.load_well(grouping="hour")

    assert bench.rows(UNUSUAL) == []
    assert bench.rows("select count(*) from spend.anomalies where is_anomaly = false") > [(30,)]


def test_credit_that_runs_out_lasts_for_two_days(bench: Bench) -> None:
    plots.credit_runs_out(bench.account(), bench.now)
    bench.load_well(grouping="hour")

    ((days, topup),) = bench.rows("select days_left, auto_topup from spend.runway")
    assert (1 < days < 3, topup) == (True, "off")


@pytest.mark.parametrize(
    ("plot", "state", "reason"),
    [
        (plots.topup_fails, "failing", "Your card was declined."),
        (plots.topup_disabled, "disabled", "too_many_failures"),
    ],
)
def test_a_failing_topup_says_why(bench: Bench, plot: Callable[..., None], state: str, reason: str) -> None:
    plot(bench.account(), bench.now)
    bench.load_well(grouping="hour")

    query = "select auto_topup, auto_topup_reason, topup_amount, has_card from spend.limits where is_current"
    assert bench.rows(query) == [(state, reason, 50, True)]


def test_a_late_event_carries_a_budget_over_its_threshold(bench: Bench) -> None:
    """Yesterday cost 2 dollars when it was first reported, and 7 in the end."""
    account = bench.account()
    bench.budgets = (Budget("day", Decimal(7), "day"),)
    plots.usual(account, bench.now)
    bench.load_well(grouping="hour")
    query = "select state, spent from spend.budget where period_start = $1"
    yesterday = (bench.now - 24 * HOUR).date()
    before = bench.rows(query, yesterday)

    plots.late_event(account, bench.now)
    bench.now += HOUR
    bench.load_well(grouping="hour")

    assert (before, bench.rows(query, yesterday)) == ([("ok", 2)], [("exceeded", 7)])
