"""One word, one figure: what several outputs say of the same thing is the same, exactly as far as they can say it."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ai_gateway_billing_pipeline import metrics
from ai_gateway_billing_pipeline.answers import summary
from ai_gateway_billing_pipeline.answers.questions import QUESTIONS
from ai_gateway_billing_pipeline.database import checks, read
from ai_gateway_billing_pipeline.database.scope import Asked, Row, scope
from ai_gateway_billing_pipeline.report import questions
from ai_gateway_billing_pipeline.terminal.values import money
from support.constants import ACCOUNT, NOW
from support.demo_history import built
from support.raw_tables import Row as RawRow
from support.raw_tables import covered, database, used


class Outputs:
    """What everything that names a figure says of the only account of a database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        chosen = scope(connection, Asked(now=NOW))
        (account,) = chosen.accounts
        answers = {name: ask(connection, chosen._replace(asked=Asked(newest=40))) for name, ask in QUESTIONS.items()}
        self.newest: dict[str, Row] = {name: answer.rows[-1] for name, answer in answers.items() if answer.rows}
        self.day_before = answers["daily"].rows[-2]
        self.gross = answers["models"].rows and sum(
            row["gross"] for row in answers["models"].rows if row["state"] == "open"
        )
        text = metrics.text(connection, NOW, checks.Limits()).decode()
        self._gauges = {each.name: each.samples for each in text_string_to_metric_families(text)}
        self.overview = next(row for row in questions.overview(connection, [account.id]) if row["account_id"])
        self.report_month = questions.per_month(connection, account.id)[-1]
        self.report_day = questions.per_day(connection, account.id)[-1]
        with redirect_stdout(io.StringIO()) as screen:
            summary.show(summary.ask(connection), "it", NOW)
        self.screen = [line.split() for line in screen.getvalue().splitlines()]

    def gauge(self, name: str) -> float:
        return sum(sample.value for sample in self._gauges[f"aig_billing_{name}"])

    def on_screen(self, *words: str) -> str:
        (found,) = (line[len(words)] for line in self.screen if tuple(line[: len(words)]) == words)
        return found


FIGURES: dict[str, Callable[[Outputs], list[Any]]] = {
    "today": lambda o: [
        o.newest["today"]["today"],
        o.newest["daily"]["amount"],
        o.report_day["amount"],
        o.gauge("spend_today"),
        o.on_screen("today", "so", "far"),
    ],
    "yesterday": lambda o: [o.newest["today"]["yesterday"], o.day_before["amount"]],
    "month so far": lambda o: [
        o.newest["today"]["month_to_date"],
        o.newest["monthly"]["amount"],
        o.newest["runway"]["month_to_date"],
        o.overview["month_to_date"],
        o.report_month["amount"],
        o.gauge("spend_month"),
        o.on_screen("month", "so", "far"),
    ],
    "forecast": lambda o: [
        o.newest["today"]["month_end_forecast"],
        o.newest["monthly"]["forecast"],
        o.newest["runway"]["month_end_forecast"],
        o.overview["month_end_forecast"],
        o.report_month["forecast"],
        o.gauge("spend_month_forecast"),
    ],
    "credit left": lambda o: [
        o.newest["today"]["balance"],
        o.newest["runway"]["balance"],
        o.overview["balance"],
        o.gauge("credit_balance"),
        o.on_screen("credit", "left"),
    ],
    "days left": lambda o: [
        o.newest["today"]["days_left"],
        o.newest["runway"]["days_left"],
        o.overview["days_left"],
        o.gauge("credit_left_seconds") / 86_400,
    ],
    "models of the month": lambda o: [o.gross, o.gauge("model_spend_month")],
}


def _just_after_midnight(folder: Path) -> duckdb.DuckDBPyConnection:
    """No hour of the newest day has ended."""
    hours: list[RawRow] = [used("2026-11-21", "100", hour=23), used("2026-11-22", "25", hour=0)]
    return database(folder, usage_hourly=hours, usage_coverage=[covered("2026-11-21", "hour", read_at="2026-11-22")])


@pytest.fixture(scope="module")
def demo() -> Outputs:
    """The demo's account, in the middle of an hour."""
    with read.connect(built("demo")) as connection:
        return Outputs(connection)


@pytest.mark.parametrize("word", FIGURES)
def test_a_word_has_one_figure(word: str, demo: Outputs) -> None:
    first, *others = FIGURES[word](demo)

    assert first > 0
    for other in others:
        same = {Decimal: first, float: pytest.approx(float(first), rel=1e-12), str: money(first)}
        assert other == same[type(other)]


def test_before_the_first_hour_of_a_day_has_ended_today_is_today(tmp_path: Path) -> None:
    with _just_after_midnight(tmp_path) as connection:
        (row,) = QUESTIONS["today"](connection, scope(connection, Asked((ACCOUNT,), now=NOW))).rows

    assert (f"{row['day']}", row["today"], row["yesterday"]) == ("2026-11-22", Decimal("0.25"), 1)
    assert [row[name] for name in ("until_at", "today_by_then", "yesterday_by_then")] == [None, None, None]
