"""Seeded daily spend whose unusual days are known, to measure how well `spend.anomalies` finds them.

A history has a level between 2 and 500 dollars a day, weekdays that differ, quieter weekends, growth or decline of up
to 60 % a month and noise of 10 to 35 %. Some begin late, some have launches (the level rises for good), some have
silent days; spikes of 2 to 10 times the usual, on any weekday, are what is to be found.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import duckdb

FIRST = date(2026, 3, 2)
DAYS = 180
HORIZON = 28
"""Days at the start of a history in which nothing is planted: no definition could judge them."""


@dataclass(frozen=True, slots=True)
class History:
    """Cents per day from `FIRST` plus `starts`, and what was planted: days by number."""

    seed: int
    starts: int
    cents: Sequence[int]
    spikes: frozenset[int] = frozenset()
    silent: frozenset[int] = frozenset()
    launches: frozenset[int] = field(default=frozenset())

    @property
    def account_id(self) -> str:
        return f"{self.seed:032x}"

    def day(self, number: int) -> date:
        return FIRST + timedelta(days=self.starts + number)


def history(seed: int) -> History:
    """The history of that seed, the same on every machine."""
    rng = random.Random(f"history {seed}")
    starts = rng.choice((0, 0, 0, 0, DAYS - 80))
    length = DAYS - starts
    judged = range(HORIZON, length)
    spikes = frozenset(rng.sample(judged, rng.randint(0, 4)))
    silent = frozenset(rng.sample(judged, rng.choice((0, 0, 0, 1, 2)))) - spikes
    launches = frozenset(rng.sample(judged, rng.choice((0, 0, 0, 1))))
    level, noise = 200 * 250 ** rng.random(), rng.uniform(0.1, 0.35)
    growth = rng.uniform(0.8, 1.6) ** (1 / 30)
    weekdays = [rng.uniform(0.8, 1.2) for _ in range(5)] + [rng.uniform(0.1, 1)] * 2
    cents = []
    for number in range(length):
        level *= growth * (rng.uniform(1.5, 4) if number in launches else 1)
        cost = level * weekdays[(FIRST.weekday() + starts + number) % 7] * rng.lognormvariate(0, noise)
        cents.append(round(cost * (rng.uniform(2, 10) if number in spikes else 1) * (number not in silent)))
    return History(seed, starts, cents, spikes, silent, launches)


def insert(connection: duckdb.DuckDBPyConnection, histories: Sequence[History]) -> None:
    """Put them into `usage_daily`, every day covered."""
    rows = [
        (each.account_id, each.day(number).isoformat(), cents)
        for each in histories
        for number, cents in enumerate(each.cents)
    ]
    connection.execute("create or replace temp table days (account_id varchar, day date, cents bigint)")
    connection.execute(
        "insert into days select unnest($1::varchar[]), unnest($2::date[]), unnest($3::bigint[])",
        [list(column) for column in zip(*rows, strict=True)],
    )
    connection.execute(
        "insert into ai_gateway_billing.usage_daily by name select account_id, day::timestamptz as bucket_start, "
        "'d' as id, cents as aggregated_value from days where cents > 0"
    )
    connection.execute(
        "insert into ai_gateway_billing.usage_coverage by name select account_id, 'day' as \"grouping\", day, "
        "day::timestamptz + interval 1 day as read_until, day::timestamptz + interval 30 hour as read_at from days"
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found of what was planted. A launch's first week is neither right nor wrong to tell of."""

    spikes: int
    found: int
    false: int
    silent: int
    silent_found: int
    launch_days: int

    @property
    def precision(self) -> float:
        right = self.found + self.silent_found
        return right / (right + self.false)

    @property
    def recall(self) -> float:
        return self.found / self.spikes


def measure(connection: duckdb.DuckDBPyConnection, histories: Sequence[History]) -> Measured:
    """Compare `spend.anomalies` with what was planted."""
    query = "select account_id, day, direction from spend.anomalies where is_anomaly"
    told = {(account_id, day): direction for account_id, day, direction in connection.execute(query).fetchall()}
    spikes = {(each.account_id, each.day(number)) for each in histories for number in each.spikes}
    silent = {(each.account_id, each.day(number)) for each in histories for number in each.silent}
    launched = {
        (each.account_id, each.day(number + later))
        for each in histories
        for number in each.launches
        for later in range(7)
    }
    found = {key for key in spikes if told.get(key) == "above"}
    silent_found = {key for key in silent if told.get(key) == "below"}
    rest = told.keys() - found - silent_found
    return Measured(len(spikes), len(found), len(rest - launched), len(silent), len(silent_found), len(rest & launched))
