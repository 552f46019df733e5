"""Data-quality checks on the published copy, one SQL file in `sql/checks/` each, whose first line is what must hold.

A file selects its findings: severity (`error` or `warning`), account and a plain sentence. It may use `$now`,
`$stale_after` (hours) and the macro `trim_zeros`, which prints an exact number without trailing zeros.
"""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import resources
from typing import Any, Literal, NamedTuple

import duckdb

from ai_gateway_billing_pipeline.terminal import output

from . import views

CHECKS = (
    "stale_data",
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
)
STALE_AFTER_HOURS = 36
"""A daily load may start late and retry for a while; after a missed one the data is stale."""

_ACCEPTED = """
    create table if not exists ai_gateway_billing._accepted_findings (
        id varchar primary key, check_name varchar, account_id varchar, finding varchar, accepted_at timestamptz
    )
"""
_GONE = f"""
    select account_id
    from ai_gateway_billing.load_status
    group by account_id
    having max(last_listed_at) < (select max(last_listed_at) from ai_gateway_billing.load_status)
        - to_seconds({views.RULES["gone_seconds()"][0]})
"""  # noqa: S608  # a number of ours
_TRIM_ZEROS = (
    "create or replace temp macro trim_zeros(number) as "
    "if(contains(number::varchar, '.'), rtrim(rtrim(number::varchar, '0'), '.'), number::varchar)"
)


class Finding(NamedTuple):
    """One thing that does not hold, in a sentence. `accepted`: somebody said that it may stay so."""

    id: str
    check: str
    severity: Literal["error", "warning"]
    account_id: str
    finding: str
    accepted: bool = False


def findings(
    connection: duckdb.DuckDBPyConnection, now: datetime, stale_after_hours: int = STALE_AFTER_HOURS
) -> Iterator[Finding]:
    """Run every check, errors of a check before its warnings. The connection may be read-only.

    Nothing is found of an account that is gone: nobody could mend it.
    """
    connection.execute(_TRIM_ZEROS)
    accepted = _accepted(connection)
    gone = connection.execute(views.bound(connection, _GONE)).fetchall()
    for name in CHECKS:
        statement = statement_of(name)
        given = {"now": now, "stale_after": stale_after_hours}
        parameters = {key: value for key, value in given.items() if f"${key}" in statement}
        ordered = f"from ({views.bound(connection, statement)}) order by severity, account_id, finding"
        for row in connection.execute(ordered, parameters).fetchall():
            if row[1:2] in gone:
                continue
            found = Finding(_id(name, *row[1:]), name, *row)
            yield found._replace(accepted=found.id in accepted)


def accept(connection: duckdb.DuckDBPyConnection, found: Finding, now: datetime) -> None:
    """Keep in the database that a finding may stay as it is."""
    connection.execute(_ACCEPTED)
    values = [found.id, found.check, found.account_id, found.finding, now]
    connection.execute("insert or ignore into ai_gateway_billing._accepted_findings values (?, ?, ?, ?, ?)", values)


def _accepted(connection: duckdb.DuckDBPyConnection) -> set[str]:
    try:
        return {
            name for (name,) in connection.execute("select id from ai_gateway_billing._accepted_findings").fetchall()
        }
    except duckdb.CatalogException:  # none was ever accepted
        return set()


def _id(*words: str) -> str:
    """The same as long as the sentence is: a gap that grows is another finding."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]


def statement_of(name: str) -> str:
    """The SQL of a check."""
    return resources.files(__package__).joinpath("sql", "checks", f"{name}.sql").read_text("utf-8")


def promise_of(name: str) -> str:
    """What a check looks for, in words."""
    return statement_of(name).partition("\n")[0].removeprefix("-- ")


def exit_code(found: Sequence[Finding]) -> int:
    """1 when any finding is an error that nobody accepted; warnings alone are clean."""
    return int(any(finding.severity == "error" and not finding.accepted for finding in found))


def as_json(found: Sequence[Finding]) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "status": "findings" if exit_code(found) else "clean",
        "checks": list(CHECKS),
        "findings": [finding._asdict() for finding in found],
    }


def show(found: Sequence[Finding]) -> None:
    """Print the findings that nobody accepted as a table, or that there are none."""
    left = [finding for finding in found if not finding.accepted]
    if left:
        output.print_table(Finding._fields[:-1], [finding[:-1] for finding in left])
    errors = sum(finding.severity == "error" for finding in left)
    told = f"{errors} error(s), {len(left) - errors} warning(s)" if left else "nothing found"
    accepted = f", {len(found) - len(left)} accepted" if len(left) < len(found) else ""
    sys.stdout.write(f"{len(CHECKS)} checks: {told}{accepted}.\n")
