"""Tells people how a load went: a table on standard output, failures in words on standard error."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing.outcome import Outcome
from ai_gateway_billing.rows.tables import RESOURCES, TABLES
from ai_gateway_billing_pipeline.loading.result import Result
from ai_gateway_billing_pipeline.terminal import logs, output

_FAILURES_TOLD = 20


def show(result: Result, destination: str, database: Path) -> None:
    """The table, the cost of the load, and where its rows are now."""
    _print_one(result) if len(result.accounts) == 1 else _print_many(result)
    sys.stdout.write(f"\n{result.requests} requests in {result.seconds:.1f} s.\n")
    if not result.worth_publishing:
        sys.stdout.write("Nothing was published: everything is as it was before.\n")
    elif destination == "duckdb":
        sys.stdout.write(f"Published to {database}\n")
    else:
        sys.stdout.write(f"Loaded into {destination}.\n")


def tell_failures(result: Result) -> None:
    """One line per account and cause, with the resources that it befell."""
    causes = list(_causes(result).items())
    for (account_id, message), resources in causes[:_FAILURES_TOLD]:
        logs.tell(f"Failed for {account_id}: {', '.join(resources)}. {message}")
    if len(causes) > _FAILURES_TOLD:
        logs.tell(f"… and {len(causes) - _FAILURES_TOLD} more failures; --json lists all.")


def _causes(result: Result) -> dict[tuple[str, str], list[str]]:
    causes: dict[tuple[str, str], list[str]] = {}
    seen: dict[tuple[str, type[BillingError], object], str] = {}
    for (account_id, resource), error in result.outcomes.failures().items():
        kind = account_id, type(error), getattr(error, "status", None) or str(error)
        message = seen.setdefault(kind, str(error))
        causes.setdefault((account_id, message), []).append(resource)
    return causes


def _print_one(result: Result) -> None:
    outcomes = {resource: outcome for (_, resource), outcome in result.outcomes.of.items()}
    rows = [(table, *_line(result, table, outcomes)) for table in _tables(result)]
    output.print_table(["resource", "status", "rows", "note"], rows, title=f"Account {result.accounts[0]}", right=[2])


def _line(result: Result, table: str, outcomes: dict[str, Outcome]) -> tuple[str, int | str, str]:
    outcome = outcomes.get(table)
    rows = result.outcomes.rows[table]
    if outcome is None:
        return "", rows, ""
    return outcome.status, rows, outcome.skipped or (type(outcome.error).__name__ if outcome.error else "")


def _print_many(result: Result) -> None:
    rows = [(table, result.outcomes.rows[table], *_tally(result, table)) for table in _tables(result)]
    columns = ["resource", "rows", "ok", "skipped", "failed"]
    output.print_table(columns, rows, title=f"{len(result.accounts)} accounts", right=[1, 2, 3, 4])


def _tally(result: Result, table: str) -> tuple[int | str, ...]:
    statuses = [outcome.status for (_, resource), outcome in result.outcomes.of.items() if resource == table]
    return tuple(statuses.count(status) if statuses else "" for status in ("ok", "skipped", "failed"))


def _tables(result: Result) -> Iterator[str]:
    """Resources that were read and their child tables, in the order of the documentation."""
    read = {resource for _, resource in result.outcomes.of} | set(result.outcomes.rows)
    known = [table for table in TABLES if table in read]
    yield from known
    yield from sorted(read - set(known) - set(RESOURCES))
