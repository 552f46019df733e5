"""Load and backfill: source, dlt, bookkeeping, views, publish. Nothing is published that is not complete."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import dlt
import duckdb
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.extract import DltSource
from dlt.pipeline.exceptions import PipelineStepFailed

from ai_gateway_billing import accounts
from ai_gateway_billing.client import Client
from ai_gateway_billing.errors import BillingError, DatabaseError
from ai_gateway_billing.reader import Reader
from ai_gateway_billing.report import Progress, Report
from ai_gateway_billing.resources import resources
from ai_gateway_billing.source import first_day
from ai_gateway_billing.windows import Grouping

from . import bookkeeping, mixing, views
from .lock import locked
from .result import Result
from .settings import Settings
from .workspace import DATASET, Workspace, unwritable

log = logging.getLogger(__name__)

Listener = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What one run does differently. `only`: resources; `backfill`: first and last UTC day, both included."""

    only: Sequence[str] = ()
    groupings: Sequence[Grouping] = ("hour", "day")
    lookback_days: int | None = None
    full_refresh: bool = False
    backfill: tuple[date, date] | None = None
    wait_s: float = 0.0
    is_demo: bool = False


def load(
    settings: Settings,
    options: Options,
    client: Client,
    now: datetime,
    listener: Listener = lambda _: None,
) -> Result:
    """One load from the API to the published file.

    Raises `DatabaseBusyError`, `DatabaseError`, `SettingsError`, and `ApiError` when not even the accounts could be
    read. Everything that one account or resource fails at is in the result.
    """
    began = time.monotonic()
    start = first_day(settings.start, now)
    workspace = Workspace(settings.database.absolute())
    workspace.create()
    with locked(workspace.folder, options.wait_s):
        run = _Run(settings, options, client, workspace, now.astimezone(UTC), start, Report(listener))
        try:
            run.to_duckdb() if settings.destination == "duckdb" else run.to_other()
        except OSError as error:
            raise unwritable(workspace.folder, error) from error
        return Result(run.report, run.account_ids, client.requests, time.monotonic() - began)


@dataclass(slots=True)
class _Run:
    settings: Settings
    options: Options
    client: Client
    workspace: Workspace
    now: datetime
    start: datetime
    report: Report
    account_ids: Sequence[str] = ()

    def to_duckdb(self) -> None:
        """Into a copy of the published file, which then replaces it."""
        has_pending = self.workspace.begin()
        pipeline = self._pipeline()
        if has_pending:
            pipeline = self._load_pending(pipeline)
        self._extract(pipeline)
        if not self._result().worth_publishing:
            return
        pipeline.normalize()
        self.workspace.keep_pending()
        _load_package(pipeline)
        self._finish()
        self.workspace.publish()

    def to_other(self) -> None:
        """Into a destination with readers and writers of its own: no working copy, no views."""
        pipeline = self._pipeline()
        if pipeline.has_pending_data:
            log.warning("An earlier load died while writing: loading what it had read first.")
            pipeline.normalize()
            _load_package(pipeline)
        self._extract(pipeline)
        if self._result().worth_publishing:
            pipeline.normalize()
            _load_package(pipeline)
        else:
            pipeline.drop_pending_packages()

    def _result(self) -> Result:
        return Result(self.report, self.account_ids, self.client.requests, 0.0)

    def _pipeline(self) -> dlt.Pipeline:
        destination: Any = self.settings.destination
        if destination == "duckdb":
            destination = dlt.destinations.duckdb(str(self.workspace.working))
        return dlt.pipeline(
            DATASET, pipelines_dir=str(self.workspace.dlt), destination=destination, dataset_name=DATASET
        )

    def _load_pending(self, pipeline: dlt.Pipeline) -> dlt.Pipeline:
        """Load what a dead load had read. If that cannot be, forget it: the API is asked for it again."""
        log.warning("An earlier load died while writing: loading what it had read first.")
        try:
            _load_package(pipeline)
        except DatabaseError as error:
            log.warning("What the earlier load had read cannot be loaded; reading it again. %s", error)
            self.workspace.forget_pending()
            self.workspace.begin()
            return self._pipeline()
        return pipeline

    def _extract(self, pipeline: dlt.Pipeline) -> None:
        self.account_ids = accounts.choose(self.settings.accounts, self.client)
        if self.settings.destination == "duckdb":
            mixing.refuse(self.workspace.working, self.workspace.published, self.account_ids, self.options.is_demo)
        try:
            pipeline.sync_destination()
            pipeline.extract(self._source())
        except PipelineStepFailed as error:
            raise _cause(error) from error

    def _source(self) -> DltSource:
        reader = Reader(
            self.client,
            lambda: self.account_ids,
            start=self.start,
            now=self.now,
            lookback_days=self.options.lookback_days,
            backfill=self.options.backfill,
            full_refresh=self.options.full_refresh,
            groupings=self.options.groupings,
            include_sensitive=self.settings.include_sensitive,
            report=self.report,
        )
        source = dlt.source(partial(resources, reader), name=DATASET, section=DATASET)()
        return source.with_resources(*self._selected()) if self.options.only else source

    def _selected(self) -> list[str]:
        """Usage is nothing without its coverage."""
        usage = [name for name in self.options.only if name.startswith("usage_")]
        return list(dict.fromkeys([*self.options.only, *(["usage_coverage"] if usage else [])]))

    def _finish(self) -> None:
        with duckdb.connect(str(self.workspace.working)) as connection:
            bookkeeping.write(connection, self.report, self.now)
            for table, name in bookkeeping.new_fields(connection, self.report, self.now):
                log.warning("The API sent a new field: %s.%s. It is kept as a column.", table, name)
            views.apply(connection, self.settings.usage_unit)
            bookkeeping.tidy(connection)


def _load_package(pipeline: dlt.Pipeline) -> None:
    try:
        pipeline.load()
    except PipelineStepFailed as error:
        raise _cause(error) from error


def _cause(error: PipelineStepFailed) -> Exception:
    """The error that a user can do something about, dug out of dlt's."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, (BillingError, OSError, ConfigurationException)):
            return found
        if isinstance(found, duckdb.Error):
            return DatabaseError(f"The database could not be written: {found}. Nothing was published; run again.")
        found = found.__cause__ or found.__context__
    return error
