"""Load and backfill: source, dlt, bookkeeping, publish. Nothing is published that is not complete."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import pyarrow as pa
from dlt.extract import DltSource

from ai_gateway_billing import clock
from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import ApiError, redact
from ai_gateway_billing.outcome import Outcomes, Progress
from ai_gateway_billing.source import Grouping, ai_gateway_billing, first_day
from ai_gateway_billing_pipeline.settings import Settings

from . import bookkeeping, mixing, places, refusals, reported, shards, times
from .result import Result, exit_code, nothing_loaded
from .sql import Sql
from .workspace import unwritable

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
    take_over: bool = False


def load(
    settings: Settings,
    options: Options,
    client: Client,
    now: Callable[[], datetime],
    listener: Listener = lambda _: None,
) -> Result:
    """One load from the API to where the settings say.

    Raises `DatabaseBusyError`, `DatabaseError`, `SettingsError`, and `ApiError` when not even the accounts could be
    read. Everything that one account or resource fails at is in the result.
    """
    began = time.monotonic()
    first_day(settings.start, None)  # whether it lies ahead, only the API knows
    try:
        with places.opened(settings) as place:
            run = _Run(settings, options, client, now, now(), Outcomes(listener), place)
            with place.held(options.wait_s):
                run.run()
    except OSError as error:
        raise unwritable(settings.database.resolve(), error) from error
    except duckdb.Error as error:
        raise refusals.unwritten(error) from error
    return Result(run.outcomes, run.account_ids, client.requests, time.monotonic() - began)


@dataclass(slots=True)
class _Run:
    settings: Settings
    options: Options
    client: Client
    here: Callable[[], datetime]
    now: datetime
    outcomes: Outcomes
    place: places.Place
    account_ids: Sequence[str] = ()
    claimed: Sequence[str] = ()

    def run(self) -> None:
        """Read the API and write what it said; nothing when it said nothing of use.

        dlt takes its state from the destination: what a dead load had read but not written is read again, as it is by
        then.
        """
        self._begin()
        pipeline = self.place.pipeline()
        with refusals.dug_out(self.place.ending):
            pipeline.sync_destination()
            pipeline.extract(self._source())
        if exit_code(self.outcomes) not in (0, 4):
            self._give_back()
            return
        with refusals.dug_out(self.place.ending):
            pipeline.normalize()
            pa.default_memory_pool().release_unused()  # else it keeps what its tables took
            pipeline.load(workers=self.place.jobs_at_once)
        with self.place.sql() as sql:
            if sql:
                self._finish(sql, pipeline.pipeline_name)
        self.place.publish()

    def _begin(self) -> None:
        """Find out who is read and when it is, and bring in order what earlier loads left."""
        with self.place.sql() as sql:
            if sql:
                self._heal(sql)
        self.account_ids = self._choose()
        moment, is_sure = clock.now_at(self.client, self.here, self.options.trust_clock)
        first_day(self.settings.start, moment)
        self.now = moment
        with self.place.sql() as sql:
            if sql:
                mixing.refuse(sql, self.place.named, self.account_ids, self.options.is_demo)
                self._claim(sql)
                if is_sure:
                    times.mend(sql, moment)
                self.now = times.newest(sql, moment)

    def _heal(self, sql: Sql) -> None:
        self.place.drop_staging(sql)
        with self.place.changing(sql):
            bookkeeping.add_listed(sql)
        lost = bookkeeping.lost_tables(sql)
        if lost:
            self.place.alone()
            log.warning("Missing in %s: %s. Reading everything again.", self.place.named, ", ".join(lost))
            bookkeeping.forget_state(sql)

    def _claim(self, sql: Sql) -> None:
        with self.place.changing(sql):
            self.claimed = shards.claim(
                sql, self.settings.shard, self.account_ids, self.now, take_over=self.options.take_over
            )

    def _give_back(self) -> None:
        with self.place.sql() as sql:
            if sql:
                shards.release(sql, self.claimed)

    def _finish(self, sql: Sql, pipeline_name: str) -> None:
        self.place.drop_staging(sql)
        with self.place.changing(sql):
            bookkeeping.write_settings(sql, self.settings.usage_unit)
            if self.settings.budgets or not self.settings.shard:  # else they are told by another writer
                bookkeeping.write_budgets(sql, self.settings.budgets)
        self._name_accounts(sql)
        reported.record(sql, self.account_ids, self.now)
        bookkeeping.prune(sql, pipeline_name, self.now)
        self.place.finish(sql, self.settings.usage_unit)

    def _name_accounts(self, sql: Sql) -> None:
        owners, ours = shards.owners(sql), self.settings.shard or ""
        known = [account_id for account_id, owner in owners.items() if owner == ours]
        bookkeeping.write_names(sql, known, self.client.account_names, self.settings.aliases, self.now)
        strange = sorted(self.settings.aliases.keys() - owners.keys())
        if strange:
            log.warning("No such account here, so its alias is of no use: %s.", ", ".join(map(redact, strange)))

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
            are_listed=not accounts.named(self.settings.accounts),
            attribution=self.settings.attribution,
            attribution_tags=list(self.settings.attribution_tags),
            attribution_tags_hash=self.settings.attribution_tags_hash,
        )
        return source.with_resources(*self.options.only) if self.options.only else source
