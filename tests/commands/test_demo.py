"""What `make demo` shows after the load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ai_gateway_billing_pipeline.commands import demo
from support.command import Ran, ending, loaded_demo


@pytest.fixture(scope="module")
def shown() -> Ran:
    return ending(lambda: demo.main([str(loaded_demo())]))


def rows(shown: Ran, title: str) -> list[list[str]]:
    """The rows of the table under a title, cut where at least two blanks stand."""
    lines = shown.out.split(f"\n{title}", 1)[1].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("──")) + 1
    end = next((number for number, line in enumerate(lines) if number > start and not line), len(lines))
    return [re.split(r" {2,}", line.strip()) for line in lines[start:end]]


def test_it_counts_the_rows_of_every_table(shown: Ran) -> None:
    counts = {table: int(count) for table, count in rows(shown, "Contents of ")}

    assert shown.code == 0, shown.err
    assert counts["usage_hourly"] > counts["usage_daily"] > 0
    assert [table for table, count in counts.items() if not count] == ["gateway_usage_gaps"]  # no hour was lost


def test_usage_stands_in_cents_and_in_dollars(shown: Ran) -> None:
    days = rows(shown, "Usage of the last seven UTC days")

    assert 6 <= len(days) <= 7
    assert all(abs(float(cents.replace(",", "")) / 100 - float(dollars)) < 0.006 for _, cents, dollars in days)


def test_net_is_gross_less_credits(shown: Ran) -> None:
    models = rows(shown, "This month by model")

    assert models
    for _, gross, credit, net in models:
        assert abs(float(gross.replace(",", "")) - float(credit) - float(net.replace(",", ""))) < 0.011


def test_balance_and_invoices_are_shown(shown: Ran) -> None:
    assert len(rows(shown, "Prepaid credit now")) == 1
    assert len(rows(shown, "Newest invoices")) == 6


def test_another_database_is_refused() -> None:
    result = ending(lambda: demo.main([]))

    assert result.code == 2
    assert not Path("billing.duckdb").exists()
