"""What there is to tell: findings of the checks, since when, and that a load itself failed."""

from __future__ import annotations

from pathlib import Path

from ai_gateway_billing.errors import RateLimitedError, ServerError
from ai_gateway_billing_pipeline.alerts import stored, survey
from ai_gateway_billing_pipeline.alerts.stored import Alert, Memory
from ai_gateway_billing_pipeline.database import checks
from support.constants import ACCOUNT, DAY, NOW
from support.raw_tables import database, named


def alert(name: str, gone: bool) -> Alert:
    return Alert(name, "low_credit", "error", ACCOUNT, "Low.", NOW - DAY, NOW if gone else None)


def test_only_what_is_still_there_is_there_since_a_moment() -> None:
    memory = Memory({name: alert(name, name == "gone") for name in ("there", "gone")}, {})

    assert survey.Survey((), (), {}, memory).since == {"there": NOW - DAY}


def test_failed_loads_are_one_matter_that_gets_worse_with_another_error() -> None:
    limited, broken = survey.failure(RateLimitedError("Wait.")), survey.failure(ServerError("HTTP 500."))

    assert limited.id == broken.id
    assert (limited.check, limited.severity, limited.account_id) == (survey.LOAD, "error", "")
    assert limited.finding == "The load failed. Wait."
    assert set(limited.reached) ^ set(broken.reached) == {"RateLimitedError", "ServerError"}


def test_a_survey_runs_every_check_and_writes_nothing(tmp_path: Path) -> None:
    with database(tmp_path, account_names=[named(ACCOUNT, "Acme")]) as connection:
        found = survey.survey(connection, NOW, checks.Limits())
        tables = connection.execute("select table_name from duckdb_tables() where table_name ^@ 'alert'").fetchall()

    assert set(found.checks) == set(checks.CHECKS)
    assert found.memory == stored.Memory({}, {})
    assert tables == []
