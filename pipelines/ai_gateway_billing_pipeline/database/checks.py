"""Checks of the published copy, one SQL file in `sql/checks/` each, whose first line is what must hold.

A file selects its findings: `severity`, `account_id` (empty for what belongs to none), a plain sentence `finding`, and
for telling whether it is news: `matter`, which stays the same as long as it is the same matter, and `reached`, the
steps that it has reached, so that one more is worse. It may use `$now`, the limits in `Limits`, and the macros below.
"""

import hashlib
import json
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import resources
from typing import Any, Literal, NamedTuple, Protocol

import duckdb

from ai_gateway_billing.redaction import redact
from ai_gateway_billing_pipeline.terminal import values

from . import views
from .lacking import LACKING
from .rules import RULES

Severity = Literal["error", "warning", "info"]

CHECKS = (
    "low_credit",
    "automatic_topup",
    "budgets",
    "anomalies",
    "stopped_schedule",
    "stale_data",
    "failed_load",
    "coverage_gaps",
    "hour_and_day_sums",
    "duplicates",
    "misplaced_buckets",
    "wrong_times",
    "quarantine",
    "unit_errors",
    "invoice_sums",
    "open_invoices",
    "unknown_invoices",
    "mixed_currencies",
    "lost_estimates",
    "missing_estimates",
    "idle_budgets",
    "new_fields",
)
_STEPS: dict[Severity, tuple[str, ...]] = {"info": (), "warning": ("warning",), "error": ("warning", "error")}
"""What a severity adds to the steps that a finding has reached."""
SEVERITIES = tuple(reversed(_STEPS))
_LONGEST = 2_000
_WIDTH = 100
_LISTED = 50
"""Of more findings the first of each check are shown, and the others counted."""

_ACCEPTED = """
    create table if not exists ai_gateway_billing._accepted_findings (
        id varchar, check_name varchar, account_id varchar, finding varchar, accepted_at timestamptz
    );
    alter table ai_gateway_billing._accepted_findings add column if not exists reached varchar
"""
_ACCEPT = """
    insert into ai_gateway_billing._accepted_findings (id, check_name, account_id, finding, accepted_at, reached)
    values (%s, %s, %s, %s, %s, %s)
"""
_GONE = f"""
    select account_id
    from ai_gateway_billing.load_status
    group by account_id
    having max(last_listed_at) < (select max(last_listed_at) from ai_gateway_billing.load_status)
        - to_seconds({RULES["gone_seconds()"][0]})
"""  # noqa: S608  # a number of ours
_MACROS = """
    create or replace temp macro trim_zeros(number) as  -- an exact number without trailing zeros
        if(contains(number::varchar, '.'), rtrim(rtrim(number::varchar, '0'), '.'), number::varchar);
    create or replace temp macro mark(is_reached, step) as  -- a step, once it is reached
        if(is_reached, [step], [])::varchar[];
    create or replace temp macro tens(number) as  -- a step for each digit of a count: ten times as many are worse
        range(1, length(number::varchar) + 1)::varchar[];
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is a finding."""

    stale_after: int = 36
    """Hours. A daily load may start late and retry for a while; after a missed one the data is stale."""
    credit_days: int = 7
    """Days that credit has to last which no automatic top-up renews."""


class Finding(NamedTuple):
    """One thing that does not hold, in a sentence.

    `id` stays the same while it is the same matter, whatever its numbers are. `reached`: the steps that it has come to,
    such as its severity and the thresholds of a budget. `accepted`: somebody said that it may stay at these steps.
    """

    id: str
    check: str
    severity: Severity
    account_id: str
    finding: str
    accepted: bool = False
    reached: tuple[str, ...] = ()


class Executor(Protocol):
    """Something that runs SQL on the database, with `%s` for each value."""

    def execute(self, query: str, *values: object) -> Sequence[tuple[Any, ...]]:
        """The rows that come back."""


def findings(connection: duckdb.DuckDBPyConnection, now: datetime, limits: Limits | None = None) -> Iterator[Finding]:
    """Run every check, errors of a check before its warnings. The connection may be read-only.

    Nothing is found of an account that is gone: nobody could mend it.
    """
    connection.execute(_MACROS)
    accepted = _accepted(connection)
    listing, *statements = views.once(connection, [_GONE, *map(statement_of, CHECKS)])
    gone = {account_id for (account_id,) in connection.execute(listing).fetchall()}
    given = {"now": now, **asdict(limits or Limits())}
    for name, statement in zip(CHECKS, statements, strict=True):
        for found in _found(connection, name, statement, given):
            if found.account_id not in gone:
                yield found._replace(accepted=set(found.reached) <= accepted.get(found.id, set()))


def _found(
    connection: duckdb.DuckDBPyConnection, name: str, statement: str, given: Mapping[str, object]
) -> Iterator[Finding]:
    parameters = {key: value for key, value in given.items() if f"${key}" in statement}
    columns = "severity, account_id, finding, matter, reached"
    ordered = f"from ({statement}) select {columns} order by severity, account_id, finding"
    for severity, account_id, finding, matter, reached in connection.execute(ordered, parameters).fetchall():
        steps = (*_STEPS[severity], *dict.fromkeys(reached))
        words = redact(finding, limit=_LONGEST)  # some quote the API
        yield Finding(id_of(name, account_id, matter), name, severity, account_id, words, reached=steps)


def id_of(check: str, account_id: str, matter: str) -> str:
    """The id of a finding, from what stays the same."""
    return hashlib.sha256(f"{check}\n{account_id}\n{matter}".encode()).hexdigest()[:8]


def accept(database: Executor, found: Finding, now: datetime) -> None:
    """Keep in the database that a finding may stay as it is, until it gets worse."""
    for statement in _ACCEPTED.split(";"):
        database.execute(statement)
    database.execute("delete from ai_gateway_billing._accepted_findings where id = %s", found.id)
    steps = json.dumps(found.reached)
    database.execute(_ACCEPT, found.id, found.check, found.account_id, found.finding, now, steps)


def names(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """What people call the accounts, by id. Nobody has a name in a file that an older version made."""
    query = "select account_id, account_name from spend.accounts where account_name is not null"
    try:
        return dict(connection.execute(query).fetchall())
    except LACKING:
        return {}


def _accepted(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """The steps that were accepted, by the id of the finding."""
    query = "select id, reached from ai_gateway_billing._accepted_findings where reached is not null"
    try:
        return {name: set(json.loads(reached)) for name, reached in connection.execute(query).fetchall()}
    except LACKING:  # none was ever accepted, or by an older version
        return {}


def statement_of(name: str) -> str:
    """The SQL of a check."""
    return resources.files(__package__).joinpath("sql", "checks", f"{name}.sql").read_text("utf-8")


def exit_code(found: Sequence[Finding]) -> int:
    """1 when any finding is an error that nobody accepted; warnings alone are clean."""
    return int(any(finding.severity == "error" and not finding.accepted for finding in found))


def as_json(found: Sequence[Finding], names: Mapping[str, str], since: Mapping[str, datetime]) -> dict[str, Any]:
    """The object that `--json` prints. `names`: of accounts; `since`: when a finding was first to be told."""
    return {
        "status": "findings" if exit_code(found) else "clean",
        "checks": list(CHECKS),
        "findings": [
            {**each._asdict(), "account": names.get(each.account_id), "first_seen": since.get(each.id)}
            for each in found
        ],
    }


def show(found: Sequence[Finding], names: Mapping[str, str]) -> None:
    """Print the findings that nobody accepted, a paragraph each, or that there are none."""
    left = [finding for finding in found if not finding.accepted]
    if left:
        shown = most(left)
        sys.stdout.writelines(_paragraph(each, names) for each in shown)
        sys.stdout.writelines(_left_out(left, shown))
    told = tally(left) if left else "nothing found"
    accepted = f", {len(found) - len(left)} accepted" if len(left) < len(found) else ""
    sys.stdout.write(f"{len(CHECKS)} checks: {told}{accepted}.\n")


def _paragraph(found: Finding, names: Mapping[str, str]) -> str:
    """Severity, id, check and account, and below it the sentence."""
    whose = f", {names.get(found.account_id, found.account_id)}" if found.account_id else ""
    head = f"{found.severity} {found.id} {found.check}{whose}"
    words = values.printable(found.finding)
    body = textwrap.fill(words, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return f"{values.printable(head)}\n{body}\n\n"


def most(found: Sequence[Finding]) -> Sequence[Finding]:
    """All where there are few, else so many of each check and severity that there are few."""
    if len(found) <= _LISTED:
        return found
    groups: dict[tuple[str, str], list[Finding]] = {}
    for each in found:
        groups.setdefault((each.check, each.severity), []).append(each)
    return [each for group in groups.values() for each in group[: max(1, _LISTED // len(groups))]]


def _left_out(found: Sequence[Finding], shown: Sequence[Finding]) -> Iterator[str]:
    """What `most` left out, in a line for each check."""
    missing = Counter((each.check, each.severity) for each in found)
    missing.subtract((each.check, each.severity) for each in shown)
    for (check, severity), count in missing.items():
        if count:
            accounts = len({each.account_id for each in found if (each.check, each.severity) == (check, severity)})
            yield f"{check}: {count} more of severity {severity}, in all of {accounts} accounts. --json lists them.\n"


def tally(found: Sequence[Finding]) -> str:
    """How many there are of each severity, in words."""
    counts = {word: sum(finding.severity == word for finding in found) for word in _STEPS}
    notes = f", {counts['info']} note(s)" if counts["info"] else ""
    return f"{counts['error']} error(s), {counts['warning']} warning(s){notes}"
