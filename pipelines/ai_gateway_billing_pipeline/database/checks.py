"""Data-quality checks on the published copy, one SQL file in `sql/checks/` each, whose first line is what must hold.

A file selects its findings: severity (`error` or `warning`), account and a plain sentence. It may use `$now`,
`$stale_after` (hours) and the macro `trim_zeros`, which prints an exact number without trailing zeros.
"""

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
    "quarantine",
    "unit_errors",
    "invoice_sums",
    "open_invoices",
    "mixed_currencies",
)
STALE_AFTER_HOURS = 36
"""A daily load may start late and retry for a while; after a missed one the data is stale."""

_TRIM_ZEROS = (
    "create or replace temp macro trim_zeros(number) as "
    "if(contains(number::varchar, '.'), rtrim(rtrim(number::varchar, '0'), '.'), number::varchar)"
)


class Finding(NamedTuple):
    """One thing that does not hold, in a sentence."""

    check: str
    severity: Literal["error", "warning"]
    account_id: str
    finding: str


def findings(
    connection: duckdb.DuckDBPyConnection, now: datetime, stale_after_hours: int = STALE_AFTER_HOURS
) -> Iterator[Finding]:
    """Run every check, errors of a check before its warnings. The connection may be read-only."""
    connection.execute(_TRIM_ZEROS)
    for name in CHECKS:
        statement = statement_of(name)
        given = {"now": now, "stale_after": stale_after_hours}
        parameters = {key: value for key, value in given.items() if f"${key}" in statement}
        ordered = f"from ({views.bound(connection, statement)}) order by severity, account_id, finding"
        for row in connection.execute(ordered, parameters).fetchall():
            yield Finding(name, *row)


def statement_of(name: str) -> str:
    """The SQL of a check."""
    return resources.files(__package__).joinpath("sql", "checks", f"{name}.sql").read_text("utf-8")


def promise_of(name: str) -> str:
    """What a check looks for, in words."""
    return statement_of(name).partition("\n")[0].removeprefix("-- ")


def exit_code(found: Sequence[Finding]) -> int:
    """1 when any finding is an error; warnings alone are clean."""
    return int(any(finding.severity == "error" for finding in found))


def as_json(found: Sequence[Finding]) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "status": "findings" if exit_code(found) else "clean",
        "checks": list(CHECKS),
        "findings": [finding._asdict() for finding in found],
    }


def show(found: Sequence[Finding]) -> None:
    """Print the findings as a table, or that there are none."""
    if found:
        output.print_table(Finding._fields, found)
    errors = sum(finding.severity == "error" for finding in found)
    told = f"{errors} error(s), {len(found) - errors} warning(s)" if found else "nothing found"
    sys.stdout.write(f"{len(CHECKS)} checks: {told}.\n")
