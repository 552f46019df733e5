"""What is kept of findings and of who was told: in the database, as it was, and not for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing_pipeline.alerts import stored
from ai_gateway_billing_pipeline.alerts.news import Told
from ai_gateway_billing_pipeline.alerts.stored import Alert, Memory, Plain
from ai_gateway_billing_pipeline.database.checks import Finding
from support.command import aig, serving
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER
from support.postgres import Database
from support.receiver import receiving

BEFORE = NOW - DAY
KNOWN = Alert("1a", "low_credit", "warning", ACCOUNT, "Low.", BEFORE, None)
LOW = Finding("1a", "low_credit", "warning", ACCOUNT, "Low.")
TICK = timedelta(milliseconds=1)


@pytest.fixture
def database() -> Plain:
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute("create schema ai_gateway_billing")
    return Plain(connection)


def test_before_anything_was_told_nothing_is_kept(database: Plain) -> None:
    assert stored.read(database) == Memory({}, {})


def test_what_is_written_is_read_again(database: Plain) -> None:
    gone = Alert("2b", "stale_data", "error", OTHER, "Old.", BEFORE, NOW)
    told = Told(frozenset({"warning", "80"}), BEFORE, is_over=True, claimed_at=NOW)
    stored.prepare(database)
    stored.prepare(database)

    stored.write(database, [KNOWN, gone], {("1a", "json:1"): (ACCOUNT, told), ("1a", "json:2"): (ACCOUNT, Told())}, NOW)

    assert stored.read(database) == Memory(
        {"1a": KNOWN, "2b": gone}, {"json:1": {"1a": told}, "json:2": {"1a": Told()}}
    )


def test_writing_again_takes_the_place_of_that_finding_and_address_alone(database: Plain) -> None:
    stored.prepare(database)
    other = KNOWN._replace(id="2b")
    stored.write(database, [KNOWN, other], {(name, "json:1"): (ACCOUNT, Told()) for name in ("1a", "2b")}, NOW)

    worse = KNOWN._replace(severity="error")
    stored.write(database, [worse], {("1a", "json:1"): (ACCOUNT, Told(told_at=NOW))}, NOW)

    assert stored.read(database) == Memory(
        {"1a": worse, "2b": other}, {"json:1": {"1a": Told(told_at=NOW), "2b": Told()}}
    )


@pytest.mark.parametrize(("gone_at", "is_kept"), [(None, True), (NOW - 35 * DAY, True), (NOW - 35 * DAY - TICK, False)])
def test_what_has_been_gone_for_35_days_is_forgotten_with_who_was_told(
    database: Plain, gone_at: datetime | None, is_kept: bool
) -> None:
    stored.prepare(database)
    notice = {("1a", "json:1"): (ACCOUNT, Told(told_at=BEFORE))}

    stored.write(database, [KNOWN._replace(gone_at=gone_at)], notice, NOW)

    memory = stored.read(database)
    assert (list(memory.alerts), list(memory.told)) == ((["1a"], ["json:1"]) if is_kept else ([], []))


def memory(*alerts: Alert) -> Memory:
    return Memory({alert.id: alert for alert in alerts}, {})


@pytest.mark.parametrize(
    ("known", "since"),
    [
        ([], NOW),
        ([KNOWN._replace(severity="error")], BEFORE),
        ([KNOWN._replace(gone_at=NOW - HOUR)], NOW),
    ],
    ids=["new", "of another severity", "back"],
)
def test_a_finding_is_written_when_it_is_new_other_or_back(known: list[Alert], since: datetime) -> None:
    assert list(stored.seen(memory(*known), [LOW], [], NOW)) == [KNOWN._replace(first_seen_at=since)]


def test_what_is_as_it_was_is_not_written_again() -> None:
    assert list(stored.seen(memory(KNOWN), [LOW._replace(finding="Lower.")], [], NOW)) == []


@pytest.mark.parametrize(("gone_at", "count"), [(None, 1), (BEFORE, 0)])
def test_what_is_gone_went_when_that_was_first_seen(gone_at: datetime | None, count: int) -> None:
    known = KNOWN._replace(gone_at=gone_at)

    assert list(stored.seen(memory(known), [], [LOW], NOW)) == [KNOWN._replace(gone_at=NOW)] * count


@pytest.mark.parametrize(
    ("found", "checks", "gone"),
    [([], ["low_credit"], ["1a"]), ([LOW], ["low_credit"], []), ([], ["stale_data"], []), ([], [], [])],
    ids=["gone", "still there", "not looked for", "nothing looked for"],
)
def test_only_what_was_looked_for_can_be_gone(found: list[Finding], checks: list[str], gone: list[str]) -> None:
    assert [each.id for each in memory(KNOWN).gone(found, checks)] == gone


@pytest.mark.stores
@pytest.mark.slow
def test_postgres_remembers_what_was_told_and_accepted(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("AIG_BILLING_DESTINATION", "postgres")
    with serving(monkeypatch, ACCOUNT) as simulator, receiving() as receiver:
        account = simulator.world.accounts[ACCOUNT]
        account.set_balance(1, topup_config={"amount": 0, "threshold": 0})
        account.set_topup_config({"amount": 0, "threshold": 0})
        monkeypatch.setenv("AIG_BILLING_NOTIFY", f"json://{receiver.host}/")

        assert aig("load").code == 0
        assert [aig("check").code for _ in range(2)] == [1, 1]
        assert len(receiver.received) == 1
        assert "\npostgres on " in "\n" + receiver.messages[0]

        found = [each for each in aig("check", "--json").json["findings"] if each["severity"] == "error"]
        assert all(each["first_seen"] for each in found)
        accepted = aig("check", *(word for each in found for word in ("--accept", each["id"])))
        assert (accepted.code, aig("check").code) == (0, 0), accepted
    assert not Path("billing.duckdb").exists()
