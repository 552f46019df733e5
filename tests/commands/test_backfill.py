"""`aig-billing backfill`: which days it reads, and which it does not read unasked."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.command import RECENT, Ran, aig, load_into, serving
from support.constants import ACCOUNT
from support.postgres import Database


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch, serving(patch, ACCOUNT):
        return load_into(tmp_path_factory.mktemp("loaded") / "billing.duckdb")


@pytest.fixture(autouse=True)
def loaded(loaded_once: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The working folder has a database, whose API goes on to answer."""
    shutil.copyfile(loaded_once, "billing.duckdb")
    with serving(monkeypatch, ACCOUNT):
        yield


def backfill(first: int, last: int, *options: str) -> Ran:
    """Days are counted from the first of the history."""
    days = [f"{RECENT + timedelta(days=offset):%Y-%m-%d}" for offset in (first, last)]
    return aig("backfill", "--from", days[0], "--to", days[1], *options)


@pytest.mark.thorough
@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 3), (-3, -1), (-3, 2)])
def test_days_that_leave_no_gap_are_read(first: int, last: int) -> None:
    assert backfill(first, last).code == 0


def test_days_that_leave_a_gap_before_the_history_are_read_only_when_that_is_meant() -> None:
    refused = backfill(-9, -5)

    assert refused.code == 2
    assert "--extend" in refused.err
    assert aig("check").code == 0
    assert backfill(-9, -5, "--extend").code == 0


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 2), ("", 2)])
def test_on_a_terminal_it_asks(answer: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    monkeypatch.setattr(Terminal, "__init__", io.StringIO.__init__, raising=False)
    monkeypatch.setattr("support.command.io.StringIO", Terminal)

    ran = backfill(-9, -5)

    assert ran.code == code
    assert "Type yes" in ran.timed_err


@pytest.mark.stores
def test_where_the_history_begins_is_asked_of_the_store_that_is_loaded(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIG_BILLING_DESTINATION", "postgres")
    assert aig("load").code == 0
    monkeypatch.setenv("AIG_BILLING_START", f"{RECENT - timedelta(days=30):%Y-%m-%d}")

    refused = backfill(-9, -5)

    assert refused.code == 2
    assert f"The history begins on {RECENT:%Y-%m-%d}." in refused.err
    assert backfill(-3, -1).code == 0
    first = postgres.rows("select min(day) from ai_gateway_billing.usage_coverage")
    assert first == [((RECENT - timedelta(days=3)).date(),)]
