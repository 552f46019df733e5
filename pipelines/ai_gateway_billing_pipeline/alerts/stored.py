"""What was found and told so far, in two small tables of the database, so that it is all that a runner has to keep.

`alerts`: a row per finding that was ever to be told, since when it is there, and when it went. `alert_notices`: a row
per finding and address. An address is kept as the service's name and a digest that does not tell it.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from ai_gateway_billing_pipeline.database.checks import Executor, Finding, Severity

from .news import Told

_KEPT = timedelta(days=35)
_TABLES = """
    create table if not exists ai_gateway_billing.alerts (
        id varchar, check_name varchar, severity varchar, account_id varchar, finding varchar,
        first_seen_at timestamptz, gone_at timestamptz
    );
    create table if not exists ai_gateway_billing.alert_notices (
        id varchar, account_id varchar, address varchar, steps varchar, told_at timestamptz, is_over boolean,
        claimed_at timestamptz
    )
"""
_ALERTS = "select id, check_name, severity, account_id, finding, first_seen_at, gone_at from ai_gateway_billing.alerts"
_NOTICES = "select id, address, steps, told_at, is_over, claimed_at from ai_gateway_billing.alert_notices"
_FORGET = (
    "delete from ai_gateway_billing.alerts where gone_at < %s",
    "delete from ai_gateway_billing.alert_notices where id not in (select id from ai_gateway_billing.alerts)",
)


class Alert(NamedTuple):
    """A finding as it was when it was last written. `gone_at` is None while it is there."""

    id: str
    check: str
    severity: Severity
    account_id: str
    finding: str
    first_seen_at: datetime
    gone_at: datetime | None


class Memory(NamedTuple):
    """All that is kept: alerts by id, and by address what it was told of each."""

    alerts: Mapping[str, Alert]
    told: Mapping[str, Mapping[str, Told]]

    def gone(self, found: Collection[Finding], checks: Collection[str]) -> Sequence[Finding]:
        """What was found by one of these checks once and is no more."""
        there = {finding.id for finding in found}
        return [
            Finding(each.id, each.check, each.severity, each.account_id, each.finding)
            for each in self.alerts.values()
            if each.check in checks and each.id not in there
        ]


Notices = Mapping[tuple[str, str], tuple[str, Told]]
"""By id and address: the account, and what the address was told."""


class Plain:
    """An executor on a connection to the file, which may be read-only. Tables that were never made have no rows."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def execute(self, query: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """The rows that come back."""
        try:
            return self._connection.execute(query.replace("%s", "?"), values).fetchall()
        except duckdb.CatalogException:
            return []


def prepare(database: Executor) -> None:
    """Make the tables where they are not."""
    for statement in _TABLES.split(";"):
        database.execute(statement)


def read(database: Executor) -> Memory:
    """What is kept; nothing while nothing was ever told."""
    told: dict[str, dict[str, Told]] = {}
    for name, address, steps, told_at, is_over, claimed_at in database.execute(_NOTICES):
        told.setdefault(address, {})[name] = Told(frozenset(json.loads(steps)), told_at, is_over, claimed_at)
    alerts = (Alert(*row) for row in database.execute(_ALERTS))
    return Memory({alert.id: alert for alert in alerts}, told)


def seen(memory: Memory, found: Collection[Finding], gone: Collection[Finding], now: datetime) -> Iterator[Alert]:
    """The alerts that have to be written, because they are new, back, gone, or of another severity."""
    for finding in found:
        known = memory.alerts.get(finding.id)
        since = known.first_seen_at if known and known.gone_at is None else now
        if known is None or known.gone_at or known.severity != finding.severity:
            yield Alert(finding.id, finding.check, finding.severity, finding.account_id, finding.finding, since, None)
    for finding in gone:
        known = memory.alerts[finding.id]
        if known.gone_at is None:
            yield known._replace(gone_at=now)


def write(database: Executor, alerts: Collection[Alert], notices: Notices, now: datetime) -> None:
    """Keep these alerts and notices, and forget what has been gone for long."""
    for alert in alerts:
        _replace(database, "alerts", {"id": alert.id}, alert)
    for (name, address), (account_id, known) in notices.items():
        steps = json.dumps(sorted(known.steps))
        row = (name, account_id, address, steps, known.told_at, known.is_over, known.claimed_at)
        _replace(database, "alert_notices", {"id": name, "address": address}, row)
    database.execute(_FORGET[0], now - _KEPT)
    database.execute(_FORGET[1])


def _replace(database: Executor, table: str, key: Mapping[str, str], row: Sequence[Any]) -> None:
    named = " and ".join(f"{column} = %s" for column in key)
    places = ", ".join(["%s"] * len(row))
    database.execute(f"delete from ai_gateway_billing.{table} where {named}", *key.values())  # noqa: S608  # ours
    database.execute(f"insert into ai_gateway_billing.{table} values ({places})", *row)  # noqa: S608  # ours
