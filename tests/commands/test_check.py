"""`aig-billing check`: what it reports, and what somebody said may stay as it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.command import RECENT, aig, load_into, without_findings

LONG_AGO = f"{RECENT - timedelta(days=30):%Y-%m-%d}"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The account, loaded once. Each test works on a copy."""
    with pytest.MonkeyPatch.context() as patch, without_findings(patch):
        return load_into(tmp_path_factory.mktemp("loaded") / "billing.duckdb")


@pytest.fixture(scope="module")
def loaded_with_gap(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one day of long ago."""
    database = shutil.copyfile(loaded, tmp_path_factory.mktemp("gap") / "billing.duckdb")
    day = ("--from", LONG_AGO, "--to", LONG_AGO, "--extend")
    with pytest.MonkeyPatch.context() as patch, without_findings(patch):
        assert aig("backfill", *day, "--database", str(database)).code == 0
    return database


@pytest.fixture
def gap(loaded_with_gap: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The ids of the findings of a database with a gap, whose API goes on to answer."""
    shutil.copyfile(loaded_with_gap, "billing.duckdb")
    with without_findings(monkeypatch):
        findings = aig("check", "--json").json["findings"]
        yield [found["id"] for found in findings if found["check"] == "coverage_gaps"]


def test_a_finding_that_was_accepted_is_reported_no_more_also_after_the_next_load(gap: list[str]) -> None:
    assert aig("check").code == 1

    accepted = aig("check", *(word for name in gap for word in ("--accept", name)))

    assert accepted.code == 0, accepted
    assert "2 accepted" in accepted.out
    assert aig("load").code == 0
    again = aig("check", "--json")
    assert again.code == 0
    assert again.json["status"] == "clean"
    assert [found["id"] for found in again.json["findings"] if found["accepted"]] == gap


@pytest.mark.thorough
def test_a_gap_that_grows_is_another_finding(gap: list[str]) -> None:
    aig("check", *(word for name in gap for word in ("--accept", name)))
    earlier = f"{RECENT - timedelta(days=60):%Y-%m-%d}"

    aig("backfill", "--from", earlier, "--to", earlier, "--extend")

    assert aig("check").code == 1


def test_what_is_no_finding_cannot_be_accepted(gap: list[str]) -> None:
    before = Path("billing.duckdb").read_bytes()

    ran = aig("check", "--accept", "deadbeef")

    assert ran.code == 2
    assert "--accept deadbeef" in ran.err
    assert Path("billing.duckdb").read_bytes() == before


def test_accepting_waits_for_no_load(gap: list[str]) -> None:
    with Workspace(Path("billing.duckdb").resolve()).locked(0):
        assert aig("check", "--accept", gap[0]).code == 5


def test_a_quiet_check_prints_nothing_when_all_is_well(gap: list[str]) -> None:
    assert aig("check", "--quiet").out != ""
    aig("check", *(word for name in gap for word in ("--accept", name)))

    assert aig("check", "--quiet").out == ""
