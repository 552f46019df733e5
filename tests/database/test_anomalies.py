"""How well `spend.anomalies` tells unusual days from usual ones, on histories whose unusual days are known."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing_pipeline.database import views
from support import histories
from support.histories import History
from support.raw_tables import database


def measured(folder: Path, count: int) -> histories.Measured:
    found = [histories.history(seed) for seed in range(count)]
    with database(folder) as connection:
        histories.insert(connection, found)
        return histories.measure(connection, found)


def told(connection: duckdb.DuckDBPyConnection) -> set[tuple[int, str]]:
    """Days by number, with their direction."""
    query = "select day - $1::date, direction from spend.anomalies where is_anomaly"
    return {(number, direction) for number, direction in connection.execute(query, [histories.FIRST]).fetchall()}


def test_most_spikes_are_found_and_little_else_is_told_of(tmp_path: Path) -> None:
    found = measured(tmp_path, 25)

    assert found.spikes > 40
    assert found.recall > 0.85
    assert found.precision > 0.85


@pytest.mark.slow
def test_precision_and_recall_are_what_the_view_says_of_itself(tmp_path: Path) -> None:
    found = measured(tmp_path, 200)

    said = f"{found.recall:.0%} of {found.spikes} spikes", f"{found.precision:.0%} of what it told"
    notes = " ".join(views.definition("anomalies").notes.replace("%", " %").replace("  ", " ").split())
    assert [text for text in said if text.replace("%", " %") not in notes] == []


def test_neither_growth_nor_a_single_cent_is_a_spike(tmp_path: Path) -> None:
    """Two per cent a day for half a year is 35 times as much; a hundredfold of a cent is not a dollar."""
    growth = History(1, 0, [round(1000 * 1.02**day) for day in range(180)])
    cents = History(2, 0, [1 + 98 * (day == 100) for day in range(180)])
    with database(tmp_path) as connection:
        histories.insert(connection, [growth, cents])

        assert told(connection) == set()


def test_a_silent_account_that_begins_to_spend_is_told_of_and_gets_used_to_it(tmp_path: Path) -> None:
    began = History(1, 0, [5000 * (day >= 100) for day in range(180)])
    with database(tmp_path) as connection:
        histories.insert(connection, [began])
        days = {day for day, _ in told(connection)}

    assert {100, 101, 106} <= days
    assert max(days) < 100 + 35
