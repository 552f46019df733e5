"""From findings to messages: what was told is kept in the database, whoever dies when, and whoever does not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import DatabaseBusyError
from ai_gateway_billing_pipeline.alerts import stored, texts
from ai_gateway_billing_pipeline.alerts.alerting import Alerting
from ai_gateway_billing_pipeline.alerts.news import Kind, News
from ai_gateway_billing_pipeline.alerts.survey import LOAD, Survey
from ai_gateway_billing_pipeline.database.checks import Finding
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from ai_gateway_billing_pipeline.settings import Store
from support.bench import Died
from support.constants import ACCOUNT, DAY, HOUR, NOW

LOW = Finding("1a", "low_credit", "error", ACCOUNT, "The credit runs out.", reached=("warning", "error"))


@dataclass(eq=False)
class Someone:
    """An address that answers as told."""

    mark: str = "JSON:1"
    answer: bool | BaseException = True
    heard: list[News] = field(default_factory=list)
    since: Mapping[str, datetime] = field(default_factory=dict)

    def send(self, items: Sequence[News], place: texts.Place, since: Mapping[str, datetime]) -> bool:
        self.heard += items
        self.since = since
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @property
    def kinds(self) -> list[Kind]:
        return [item.kind for item in self.heard]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "billing.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema ai_gateway_billing")
    return path


def memory(path: Path) -> stored.Memory:
    if not path.exists():
        return stored.Memory({}, {})
    with duckdb.connect(str(path), read_only=True) as connection:
        return stored.read(stored.Plain(connection))


def tell(
    path: Path, now: datetime, people: Sequence[Someone], *found: Finding, checks: Sequence[str] = ("low_credit",)
) -> None:
    there = Survey(found, checks, {}, memory(path))
    Alerting(Store(path), people, 7 * DAY).tell(there, now)


def test_what_was_told_is_remembered_by_the_database_alone(database: Path, tmp_path: Path) -> None:
    person = Someone()
    tell(database, NOW, [person], LOW)
    elsewhere = database.rename(tmp_path / "moved.duckdb")

    tell(elsewhere, NOW + HOUR, [person], LOW)
    tell(elsewhere, NOW + 2 * HOUR, [person])
    tell(elsewhere, NOW + 3 * HOUR, [person])

    assert person.kinds == [Kind.NEW, Kind.OVER]


def test_nothing_is_written_while_there_is_no_news(database: Path) -> None:
    tell(database, NOW, [Someone()], LOW)
    before = database.stat().st_ino, database.stat().st_mtime_ns

    tell(database, NOW + HOUR, [Someone()], LOW)

    assert (database.stat().st_ino, database.stat().st_mtime_ns) == before


@pytest.mark.parametrize("heard", [1, 2, 3])
def test_who_dies_after_a_message_sends_it_once_more_and_never_again(database: Path, heard: int) -> None:
    """However many die at this place."""
    person = Someone(answer=Died())
    for hour in range(heard):
        with suppress(Died):
            tell(database, NOW + hour * HOUR, [person], LOW)
    person.answer = True

    for hour in range(heard, 10):
        tell(database, NOW + hour * HOUR, [person], LOW)

    assert person.kinds == [Kind.NEW, Kind.NEW]


def test_who_dies_before_a_message_leaves_it_to_the_next(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Someone()
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: (_ for _ in ()).throw(Died()))
        with pytest.raises(Died):
            tell(database, NOW, [person], LOW)

    tell(database, NOW + HOUR, [person], LOW)

    assert person.kinds == [Kind.NEW]


def test_one_dead_address_stops_no_other_and_hears_it_when_it_is_back(database: Path) -> None:
    dead, alive = Someone("Slack:1", answer=False), Someone("JSON:1")
    tell(database, NOW, [dead, alive], LOW)
    dead.answer = True

    for hour in (1, 2):
        tell(database, NOW + hour * HOUR, [dead, alive], LOW)

    assert (dead.kinds, alive.kinds) == ([Kind.NEW, Kind.NEW], [Kind.NEW])


def test_an_address_that_is_added_hears_what_there_is(database: Path) -> None:
    first, second = Someone("Slack:1"), Someone("JSON:1")
    tell(database, NOW, [first], LOW)

    tell(database, NOW + HOUR, [first, second], LOW)

    assert (first.kinds, second.kinds) == ([Kind.NEW], [Kind.NEW])


def test_while_another_program_writes_nothing_is_sent(database: Path) -> None:
    person = Someone()
    workspace = Workspace(database)
    workspace.create()

    with workspace.locked(0), pytest.raises(DatabaseBusyError):
        tell(database, NOW, [person], LOW)

    assert person.heard == []


def test_where_nothing_can_be_kept_it_is_told_all_the_same(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    Workspace(database).folder.write_text("no folder")
    person = Someone()

    tell(database, NOW, [person], LOW)

    assert person.kinds == [Kind.NEW]
    assert "cannot be kept" in caplog.text


def test_while_there_is_no_database_it_is_told_and_none_is_made(tmp_path: Path) -> None:
    person = Someone()

    tell(tmp_path / "none.duckdb", NOW, [person], LOW)

    assert person.kinds == [Kind.NEW]
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_looked_for_is_not_over(database: Path) -> None:
    failed = Finding("2b", LOAD, "error", "", "The load failed.", reached=("warning", "error"))
    person = Someone()
    tell(database, NOW, [person], LOW, failed, checks=(LOAD, "low_credit"))

    tell(database, NOW + HOUR, [person], LOW, checks=("low_credit",))
    assert person.kinds == [Kind.NEW, Kind.NEW]

    tell(database, NOW + 2 * HOUR, [person], LOW, checks=(LOAD, "low_credit"))
    assert person.heard[-1].kind is Kind.OVER
    assert person.heard[-1].finding.finding == "The load failed."


def test_a_finding_is_there_since_it_was_first_seen_and_anew_when_it_returns(database: Path) -> None:
    person = Someone()
    tell(database, NOW, [person], LOW)
    tell(database, NOW + 8 * DAY, [person], LOW)
    assert person.since == {"1a": NOW}

    tell(database, NOW + 9 * DAY, [person])
    tell(database, NOW + 20 * DAY, [person], LOW)
    assert person.since == {"1a": NOW + 20 * DAY}


def test_what_has_been_gone_for_long_is_forgotten(database: Path) -> None:
    other = LOW._replace(id="2b")
    tell(database, NOW, [Someone()], LOW)
    tell(database, NOW + HOUR, [Someone()])
    assert set(memory(database).alerts) == {"1a"}

    tell(database, NOW + 40 * DAY, [Someone()], other)

    assert set(memory(database).alerts) == {"2b"}
    assert set(memory(database).told["JSON:1"]) == {"2b"}
