"""Load and backfill: source, dlt, bookkeeping, views, publish. Nothing is published that is not complete."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime

import dlt
import duckdb
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.extract import DltSource
from dlt.load.exceptions import LoadClientJobException
from dlt.pipeline.exceptions import PipelineStepFailed

from ai_gateway_billing import clock
from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import ApiError, BillingError, DatabaseError, redact
from ai_gateway_billing.outcome import Outcomes, Progress
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing.source import Grouping, ai_gateway_billing, first_day
from ai_gateway_billing_pipeline.database import views
from ai_gateway_billing_pipeline.settings import Settings

from . import bookkeeping, destinations, mixing, shards, times
from .result import Result, exit_code, nothing_loaded
from .workspace import Workspace, remove, unwritable

log = logging.getLogger(__name__)

Listener = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What one run does differently. `only`: resources; `backfill`: first and last UTC day, both included."""

    only: Sequence[str] = ()
    grouping: Grouping = "both"
    lookback_days: int | None = None
    full_refresh: bool = False
    backfill: tuple[date, date] | None = None
    wait_s: float = 0.0
    is_demo: bool = False
    trust_clock: bool = False


def load(
    settings: Settings,
    options: Options,
    client: Client,
    now: Callable[[], datetime],
    listener: Listener = lambda _: None,
) -> Result:
    """One load from the API to the published file.

    Raises `DatabaseBusyError`, `DatabaseError`, `SettingsError`, and `ApiError` when not even the accounts could be
    read. Everything that one account or resource fails at is in the result.
    """
    began = time.monotonic()
    first_day(settings.start, None)  # whether it lies ahead, only the API knows
    workspace = Workspace(settings.database.resolve())  # a link stays one: what it leads to is replaced
    try:
        with destinations.opened(settings.destination, settings.shard) as destination:
            if destination and settings.destination not in destinations.SUPPORTED:
                log.warning("%s %s", settings.destination, destinations.UNTESTED)
            workspace.create()
            run = _Run(settings, options, client, workspace, now, now(), Outcomes(listener), destination)
            with workspace.locked(options.wait_s):
                run.to_other() if destination else run.to_duckdb()
    except OSError as error:
        raise unwritable(workspace.folder, error) from error
    except duckdb.Error as error:
        raise _unwritten(error) from error
    return Result(run.outcomes, run.account_ids, client.requests, time.monotonic() - began)


@dataclass(slots=True)
class _Run:
    settings: Settings
    options: Options
    client: Client
    workspace: Workspace
    here: Callable[[], datetime]
    now: datetime
    outcomes: Outcomes
    destination: destinations.Target | None  # of its own, instead of the DuckDB file
    account_ids: Sequence[str] = ()

    def to_duckdb(self) -> None:
        """Into a copy of the published file, which then replaces it."""
        connection = self.workspace.begin()
        try:
            with connection:
                self._check_state(connection)
                is_complete = self._load(connection)
                if is_complete:
                    self._finish(connection)
            if is_complete:
                self.workspace.publish()
        finally:
            with suppress(OSError):  # the next load removes it, too
                self.workspace.discard()

    def to_other(self) -> None:
        """Into a destination with readers and writers of its own: no working copy, no views."""
        remove(self.workspace.dlt)
        self._load()

    def _load(self, connection: duckdb.DuckDBPyConnection | None = None) -> bool:
        """Read the API and write what it said. False, and nothing written, when it said nothing of use.

        dlt's folder is a new one each time and takes its state from the destination: what a dead load had read but
        not written is read again, as it is by then.
        """
        pipeline = self._pipeline()
        self._extract(pipeline, connection)
        if exit_code(self.outcomes) not in (0, 4):
            return False
        with _dug_out():
            pipeline.normalize()
            pipeline.load()
        return True

    def _pipeline(self) -> dlt.Pipeline:
        destination = self.destination or dlt.destinations.duckdb(str(self.workspace.working))
        name = shards.pipeline_name(self.settings.shard)
        return dlt.pipeline(name, pipelines_dir=str(self.workspace.dlt), destination=destination, dataset_name=DATASET)

    def _extract(self, pipeline: dlt.Pipeline, connection: duckdb.DuckDBPyConnection | None) -> None:
        self.account_ids = self._choose()
        if not self.destination:
            mixing.refuse(self.workspace.working, self.workspace.published, self.account_ids, self.options.is_demo)
        self.now = self._agreed(connection)
        with _dug_out():
            pipeline.sync_destination()
            pipeline.extract(self._source())

    def _agreed(self, connection: duckdb.DuckDBPyConnection | None) -> datetime:
        """The moment that all of this load is dated by."""
        now, is_sure = clock.now_at(self.client, self.here, self.options.trust_clock)
        first_day(self.settings.start, now)
        if connection is None:
            return now
        if is_sure:
            times.mend(connection, now)
        return times.newest(connection, now)

    def _choose(self) -> Sequence[str]:
        try:
            return accounts.choose(self.settings.accounts, self.client)
        except ApiError as error:
            error.exit_code = nothing_loaded([error])
            raise

    def _source(self) -> DltSource:
        """Every argument is given, so that nothing of it is looked for in some environment."""
        source = ai_gateway_billing(
            list(self.account_ids),
            self.settings.start,
            None,
            self.settings.base_url,
            self.options.lookback_days,
            self.settings.include_sensitive,
            None,
            self.options.grouping,
            self.options.backfill or (),
            self.options.full_refresh,
            client=self.client,
            now=lambda: self.now,
            outcomes=self.outcomes,
            trust_clock=True,  # it is agreed
            attribution=self.settings.attribution,
            attribution_tags=list(self.settings.attribution_tags),
            attribution_tags_hash=self.settings.attribution_tags_hash,
        )
        return source.with_resources(*self.options.only) if self.options.only else source

    def _check_state(self, connection: duckdb.DuckDBPyConnection) -> None:
        lost = bookkeeping.lost_tables(connection)
        if lost:
            log.warning("Missing in %s: %s. Reading everything again.", self.workspace.published, ", ".join(lost))
            bookkeeping.forget_state(connection)

    def _finish(self, connection: duckdb.DuckDBPyConnection) -> None:
        bookkeeping.write(connection, self.outcomes, self._listed(), self.now)
        self._name_accounts(connection)
        bookkeeping.write_budgets(connection, self.settings.budgets)
        for table, name in bookkeeping.new_fields(connection, self.outcomes, self.now):
            log.warning("The API sent a new field: %s.%s. It is kept as a column.", table, name)
        views.apply(connection, self.settings.usage_unit)
        bookkeeping.tidy(connection)

    def _name_accounts(self, connection: duckdb.DuckDBPyConnection) -> None:
        strange = bookkeeping.write_names(connection, self.client.account_names, self.settings.aliases, self.now)
        if strange:
            log.warning("No such account here, so its alias is of no use: %s.", ", ".join(map(redact, strange)))

    def _listed(self) -> Collection[str]:
        """The accounts that the API listed; of those that were named instead, the ones that it let be read."""
        if not accounts.named(self.settings.accounts):
            return self.account_ids
        return {account_id for (account_id, _), outcome in self.outcomes.of.items() if outcome.is_loaded}


@contextmanager
def _dug_out() -> Iterator[None]:
    """Raise the error that a user can do something about instead of dlt's own around it."""
    try:
        yield
    except PipelineStepFailed as error:
        raise _cause(error) from error


def _cause(error: PipelineStepFailed) -> Exception:
    found: BaseException | None = error
    unwritten = None
    while found is not None:
        if isinstance(found, (BillingError, OSError, ConfigurationException)):
            return found
        if isinstance(found, duckdb.Error):
            return _unwritten(found)
        if isinstance(found, LoadClientJobException):
            unwritten = found = found.client_exception
        else:
            found = found.__cause__ or found.__context__
    return error if unwritten is None else _unwritten(unwritten)


def _unwritten(error: BaseException) -> DatabaseError:
    reason = redact(str(error).partition("\n")[0])
    return DatabaseError(f"The database could not be written: {reason}. Nothing was published; run again.")
