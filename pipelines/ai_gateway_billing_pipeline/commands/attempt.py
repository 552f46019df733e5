"""One load or backfill as people and machines see it: how far it is, how it went, and whom that is told."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing_pipeline.terminal import exits, logs, signals

from . import options, telling

if TYPE_CHECKING:
    from ai_gateway_billing.api.client import Client
    from ai_gateway_billing.outcome import Outcome
    from ai_gateway_billing_pipeline.loading.load import Options
    from ai_gateway_billing_pipeline.loading.result import Result
    from ai_gateway_billing_pipeline.settings import Settings, Store

STOPPED = "Stopped. The database still contains the last complete load. Run again."
_FAILURES_TOLD = 20


class Attempt:
    """One load as a command sees it. `shared`: whether it prints one object instead of a table, and whom it tells.

    Raises `SettingsError` for an address that cannot be one.
    """

    def __init__(self, shared: options.Loading) -> None:
        self._as_json = shared.as_json
        self._notify_url = shared.notify_url
        self._addresses = telling.addressed(shared.notify)
        self._store = telling.named(shared.database, shared.destination) if self._addresses else None
        self._client: Client | None = None
        self._began = time.monotonic()

    def run(self, resolved: "Settings", asked: "Options", rate: float | None) -> int:
        """Load, tell how it went, and return the exit code. Raises what `loading.load` raises."""
        from ai_gateway_billing.api import accounts
        from ai_gateway_billing_pipeline import configuration, settings
        from ai_gateway_billing_pipeline.loading import load as loading
        from ai_gateway_billing_pipeline.terminal import progress

        self._store = settings.Store(resolved.database, resolved.destination)
        accounts.named(resolved.accounts)  # a bad id is refused before anything else happens
        self._client = client = settings.client_for(resolved, rate)
        with client, progress.shown() as listener, configuration.without("pandas"):
            result = loading.load(resolved, asked, client, lambda: datetime.now(UTC), listener)
        if not self._as_json and not logs.is_quiet():
            with exits.unheard():
                _show(result, self._store)
        _tell_failures(result)
        self._sum_up(result.as_json(), is_bad=bool(result.exit_code))
        failures = () if result.worth_publishing else result.outcomes.failures().values()
        telling.after_load(self._addresses, self._store, next(iter(failures), None))
        return result.exit_code

    def fail(self, error: Exception) -> None:
        """Print the JSON object also for a load that ended before it had read anything."""
        from ai_gateway_billing_pipeline.loading.result import failed

        requests = self._client.requests if self._client else 0
        problem = exits.as_billing_error(error)
        self._sum_up(failed(problem, requests, time.monotonic() - self._began), is_bad=True)
        telling.after_load(self._addresses, self._store, problem)

    def _sum_up(self, summary: Mapping[str, object], *, is_bad: bool) -> None:
        logs.summarize(summary)
        if self._as_json:
            from ai_gateway_billing_pipeline.terminal import values

            with exits.unheard():
                values.print_object(summary)
        if is_bad and self._notify_url:
            from ai_gateway_billing_pipeline.loading import notify

            notify.post(self._notify_url, summary)


@contextmanager
def attempted(shared: options.Loading) -> Iterator[Attempt]:
    """An attempt whose failure is told as its success would be, and which a signal ends at once."""
    with signals.at_once(STOPPED):
        if shared.notify_url:
            from ai_gateway_billing_pipeline.loading import notify

            notify.checked_url(shared.notify_url)
        attempt = Attempt(shared)
        try:
            yield attempt
        except Exception as error:
            attempt.fail(error)
            raise


def _show(result: "Result", store: "Store") -> None:
    """The table, the cost of the load, and where its rows are now."""
    _print_one(result) if len(result.accounts) == 1 else _print_many(result)
    sys.stdout.write(f"\n{result.requests} requests in {result.seconds:.1f} s.\n")
    if not result.worth_publishing:
        done = "published" if store.is_file else "loaded"
        sys.stdout.write(f"Nothing was {done}. The database is unchanged.\n")
    elif store.is_file:
        sys.stdout.write(f"Published to {store}\n")
    else:
        sys.stdout.write(f"Loaded into {store}.\n")


def _tell_failures(result: "Result") -> None:
    """One line per account and cause, with the resources that it affected."""
    causes = list(_causes(result).items())
    for (account_id, message), resources in causes[:_FAILURES_TOLD]:
        logs.tell(f"Failed for {account_id}: {', '.join(resources)}. {message}")
    if len(causes) > _FAILURES_TOLD:
        logs.tell(f"… and {len(causes) - _FAILURES_TOLD} more failures; --json lists all.")


def _causes(result: "Result") -> dict[tuple[str, str], list[str]]:
    causes: dict[tuple[str, str], list[str]] = {}
    seen: dict[tuple[str, type[BillingError], object], str] = {}
    for (account_id, resource), error in result.outcomes.failures().items():
        kind = account_id, type(error), getattr(error, "status", None) or str(error)
        message = seen.setdefault(kind, str(error))
        causes.setdefault((account_id, message), []).append(resource)
    return causes


def _print_one(result: "Result") -> None:
    from ai_gateway_billing_pipeline.terminal import output

    outcomes = {resource: outcome for (_, resource), outcome in result.outcomes.of.items()}
    rows = [(table, *_line(result, table, outcomes)) for table in _tables(result)]
    output.print_table(["resource", "status", "rows", "note"], rows, title=f"Account {result.accounts[0]}", right=[2])


def _line(result: "Result", table: str, outcomes: "dict[str, Outcome]") -> tuple[str, int | str, str]:
    outcome = outcomes.get(table)
    rows = result.outcomes.rows[table]
    if outcome is None:
        return "", rows, ""
    return outcome.status, rows, outcome.skipped or (outcome.error.summary if outcome.error else "")


def _print_many(result: "Result") -> None:
    from ai_gateway_billing_pipeline.terminal import output

    rows = [(table, result.outcomes.rows[table], *_tally(result, table)) for table in _tables(result)]
    columns = ["resource", "rows", "ok", "skipped", "failed"]
    output.print_table(columns, rows, title=f"{len(result.accounts)} accounts", right=[1, 2, 3, 4])


def _tally(result: "Result", table: str) -> tuple[int | str, ...]:
    statuses = [outcome.status for (_, resource), outcome in result.outcomes.of.items() if resource == table]
    columns = (("ok",), ("skipped",), ("failed", "partial"))
    return tuple(sum(status in each for status in statuses) if statuses else "" for each in columns)


def _tables(result: "Result") -> Iterator[str]:
    """Resources that were read and their child tables, in the order of the documentation."""
    from ai_gateway_billing.rows.tables import ATTRIBUTION, RESOURCES, TABLES

    read = {resource for _, resource in result.outcomes.of} | set(result.outcomes.rows)
    known = [table for table in TABLES if table in read]
    yield from known
    yield from sorted(read - set(known) - {*RESOURCES, *ATTRIBUTION})
