"""How `make focus-validate` judges what the official validator reports. The validator itself takes no part here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support import focus_validate
from support.focus_validate import BROKEN, KNOWN, LEAST_CHECKS, MUST_FAIL, Verdict, surprises, verdict

REPORT = """<?xml version='1.0' encoding='utf-8'?>
<testsuites name="FOCUS Validations" tests="4" failures="1" errors="1" skipped="1">
  <testsuite name="InvoiceId" time="0">
    <testcase name="InvoiceId-C-004-C :: Nullability" time="0"><failure message="…">Failed</failure></testcase>
    <testcase name="BilledCost-C-001-M :: None" time="0"><error message="column not found"/></testcase>
  </testsuite>
  <testsuite name="Tags" time="0">
    <testcase name="Tags-C-001-M :: Type" time="0"><skipped message="…"/></testcase>
    <testcase name="ServiceName-C-003-M :: Nullability" time="0"/>
  </testsuite>
</testsuites>
"""


def test_errors_count_as_failures_and_skipped_checks_do_not_count(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")

    assert verdict(report) == Verdict(3, frozenset({"InvoiceId-C-004-C", "BilledCost-C-001-M"}))


@pytest.mark.parametrize("name", KNOWN)
def test_the_known_false_failure_is_no_surprise(name: str) -> None:
    assert surprises(name, Verdict(LEAST_CHECKS, KNOWN[name])) == []


def test_any_other_failure_is() -> None:
    found = Verdict(LEAST_CHECKS, KNOWN["all.csv"] | {"BilledCost-C-003-M"})

    assert surprises("all.csv", found) == ["BilledCost-C-003-M failed"]


def test_usage_alone_must_not_fail_where_only_purchases_do() -> None:
    """Else a file in which every InvoiceId is wrong would pass."""
    found = Verdict(LEAST_CHECKS, KNOWN["all.parquet"])

    assert "InvoiceId-C-004-C failed" in surprises("usage.parquet", found)


def test_a_known_failure_that_went_away_is_told() -> None:
    assert "mend KNOWN" in surprises("usage.parquet", Verdict(LEAST_CHECKS, frozenset()))[0]


def test_a_validator_that_skips_everything_does_not_agree() -> None:
    assert surprises("usage.parquet", Verdict(3, KNOWN["usage.parquet"])) == ["only 3 checks were made"]


def test_a_validator_that_likes_a_broken_file_does_not_agree() -> None:
    assert surprises(BROKEN, Verdict(LEAST_CHECKS, MUST_FAIL)) == []
    assert len(surprises(BROKEN, Verdict(LEAST_CHECKS, frozenset()))) == len(MUST_FAIL)


@pytest.mark.parametrize("named", ["/no/such/python", "false"])
def test_without_a_fitting_python_it_says_which_and_how(named: str) -> None:
    with pytest.raises(SystemExit) as end:
        focus_validate.find_python(named)

    assert "needs Python 3.12" in str(end.value)
    assert "FOCUS_PYTHON" in str(end.value)


def test_pythons_are_looked_for_until_one_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fitting = tmp_path / "python3.12"
    fitting.write_text("#!/bin/sh\nexit 0\n")
    fitting.chmod(0o755)
    monkeypatch.setattr(focus_validate, "pythons", lambda _: iter(["/no/such/python", "false", str(fitting)]))

    assert focus_validate.find_python(None) == str(fitting)


def test_the_running_python_is_the_first_choice() -> None:
    assert next(focus_validate.pythons(None)) == sys.executable
