"""Random worlds that change at random between random loads: after each load every table says what it must.

A small model beside each database knows what the tables have to hold by the rules in README and nothing else: which
stretch of time a load has to read, which version of a snapshot is open, which invoices were listed when. Where a load
failed, every bucket is what it was or what the API says now, whole in either case.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ai_gateway_billing import extraction
from ai_gateway_billing.api.endpoints import ENDPOINTS
from ai_gateway_billing.simulator import Account, World
from ai_gateway_billing_pipeline.loading.forget import forget
from ai_gateway_billing_pipeline.loading.sql import FileSql
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.bench import SNAPSHOTS, STEPS, TABLES, USAGE, WIDTH, Bench, Fields, Row, invoice_row
from support.constants import DAY, HOUR

IDS = [letter * 32 for letter in "abc"]
START = date(2026, 10, 1)
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SERIES = [(account_id, grouping) for account_id in IDS for grouping in USAGE]

KINDS = {"auto": "purchase_auto", "manual": "purchase_manual", "usage": "usage"}

accounts = st.integers(0, 2)
groupings = st.sampled_from(["hour", "day"])
money = st.one_of(
    st.decimals(min_value=-1000, max_value=10**6, places=9),
    st.integers(0, 10**9).map(Decimal),
    st.sampled_from(list(map(Decimal, ["1e-18", "50000", "0", "9999999999.123456789012345678"]))),
)
bucket_values = st.lists(money, max_size=3)
# Most events lie a little back, some as far as late events may, few beyond.
ages = st.one_of(st.integers(0, 30), st.integers(0, 80), st.integers(0, 33 * 24), st.integers(0, 50 * 24))
endpoints = st.sampled_from([endpoint.name for endpoint in ENDPOINTS])
AMBIENT = {
    "DEV_MODE": "true",
    "FULL_REFRESH": "true",
    "REFRESH": "drop_sources",
    "RESTORE_FROM_DESTINATION": "false",
    "SCHEMA__NAMING": "direct",
    "LOADER_FILE_FORMAT": "csv",
    "LOAD__WORKERS": "nope",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "maybe",
}
fault_kinds = st.sampled_from(
    [
        403,
        429,
        500,
        503,
        "timeout",
        "reset",
        "torn_body",
        "truncated_json",
        "html_200",
        "empty_body",
        "success_false_200",
    ]
)


class Series:
    """What one account's usage table of one grouping has to hold."""

    def __init__(self) -> None:
        self.read_until: datetime | None = None
        self.deep_at: datetime | None = None
        self.table: dict[datetime, tuple[Row, ...]] = {}
        self.since_failure: list[dict[datetime, tuple[Row, ...]]] = []

    def must_start(self, now: datetime, lookback: int | None, is_full: bool) -> datetime:
        """The first moment that a load has to read: rule and decision, in words of their own."""
        if self.read_until is None or is_full:
            return BEGIN
        if lookback is None:
            is_deep = self.deep_at is None or now - self.deep_at >= timedelta(hours=24)
            lookback = 35 if is_deep else 3
        return max(BEGIN, midnight(now) - lookback * DAY)

    def was_read(
        self, grouping: str, truth: dict[datetime, tuple[Row, ...]], now: datetime, first: datetime, is_well: bool
    ) -> None:
        """Remember a load, but for a backfill, which is none of the cursor's business."""
        if not is_well:
            self.since_failure.append(truth)
            return
        since = min(first, midnight(self.read_until or BEGIN))  # after a pause, all of it is read
        if since <= max(BEGIN, midnight(now) - 35 * DAY):
            self.deep_at = now
        self.read_until, self.since_failure = floor(grouping, now), []

    def allowed(
        self, bucket: datetime, truth: dict[datetime, tuple[Row, ...]], first: datetime
    ) -> list[tuple[Row, ...]]:
        """What may stand in a bucket after a load that went well."""
        now = truth.get(bucket, ())
        if bucket >= first:
            return [now]
        if self.read_until and bucket < midnight(self.read_until):
            return [now, self.table.get(bucket, ())]
        return [now, *(earlier.get(bucket, ()) for earlier in self.since_failure)]


def midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def floor(grouping: str, moment: datetime) -> datetime:
    return midnight(moment) if grouping == "day" else moment.replace(minute=0, second=0, microsecond=0)


def by_bucket(grouping: str, rows: list[Row]) -> dict[datetime, tuple[Row, ...]]:
    found: dict[datetime, list[Row]] = defaultdict(list)
    for row in rows:
        found[floor(grouping, row[0])].append(row)
    return {bucket: tuple(sorted(rows)) for bucket, rows in found.items()}


class Loads(RuleBasedStateMachine):
    """Changes of the world, loads, and the model that checks each of them. `counts`: steps, and loads by exit code."""

    counts: ClassVar[Counter[int | str]] = Counter()
    failures: ClassVar[list[Exception]] = []

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="model"))
        self.bench = Bench(self.folder, World(), start=START.isoformat())
        self.series = {key: Series() for key in SERIES}
        self.versions: dict[tuple[str, str], list[Fields]] = defaultdict(list)
        self.invoices: dict[str, dict[Any, Fields]] = defaultdict(dict)
        self.vanished: dict[str, Account] = {}
        self.listed_at: dict[str, datetime] = {}
        self.written = self.since_load = 0
        self.listed_as: dict[str, str] = {}
        self.ambient: dict[str, str] = {}
        self.workers, extraction.WORKERS = (
            extraction.WORKERS,
            1,
        )  # one at a time, so that the same faults hit the same requests

    def teardown(self) -> None:
        error = sys.exception()
        if isinstance(error, Exception):
            self.failures.append(error)
        extraction.WORKERS = self.workers
        self.bench.close()
        shutil.rmtree(self.folder)

    # --- the world changes ---------------------------------------------------------------------------------------

    @initialize()
    def first_account(self) -> None:
        self.bench.account(IDS[0])

    def known(self, number: int) -> Account:
        present = list(self.bench.world.accounts.values())
        return present[number % len(present)]

    @rule()
    def another_account_is_added(self) -> None:
        for account_id in IDS:
            if account_id not in {*self.bench.world.accounts, *self.vanished}:
                self.bench.account(account_id)
                return

    @precondition(lambda self: len(self.bench.world.accounts) > 1)
    @rule(account=accounts)
    def an_account_vanishes(self, account: int) -> None:
        account_id = self.known(account).id
        self.vanished[account_id] = self.bench.world.accounts.pop(account_id)

    @precondition(lambda self: self.vanished)
    @rule()
    def an_account_returns(self) -> None:
        account_id, account = self.vanished.popitem()
        self.bench.world.accounts[account_id] = account

    @rule(account=accounts)
    def an_account_is_forgotten(self, account: int) -> None:
        account_id = IDS[account]
        if not self.bench.database.exists():
            return
        with Workspace(self.bench.database).changed() as connection:
            forget(FileSql(connection), account_id)
        for grouping in USAGE:
            self.series[account_id, grouping] = Series()
        for table in SNAPSHOTS:
            self.versions[account_id, table] = []
        self.invoices[account_id] = {}
        self.listed_at.pop(account_id, None)
        self.check_forgotten(account_id)

    @rule(account=accounts, grouping=groupings, age=ages, values=bucket_values, same=st.booleans())
    def usage_arrives_changes_or_goes(
        self, account: int, grouping: str, age: int, values: list[Any], same: bool
    ) -> None:
        start = floor(grouping, self.bench.now - age * HOUR)
        ids = [f"kept-{number}" for number in range(len(values))] if same else []
        self.known(account).set_buckets(grouping, start, *values, ids=ids)

    @rule(account=accounts, age=ages, length=st.integers(1, 40), values=bucket_values)
    def a_whole_stretch_changes(self, account: int, age: int, length: int, values: list[Any]) -> None:
        for hours in range(length):
            self.known(account).set_hour(floor("hour", self.bench.now - (age + hours) * HOUR), *values)

    @rule(account=accounts, grouping=groupings, age=ages)
    def ids_change(self, account: int, grouping: str, age: int) -> None:
        self.known(account).reid(grouping, floor(grouping, self.bench.now - age * HOUR))

    @rule(
        account=accounts,
        amount=money,
        has_id=st.booleans(),
        status=st.sampled_from(["draft", "open", "paid", None]),
        kind=st.sampled_from(["auto", "manual", "usage", "usage"]),
    )
    def an_invoice_appears(self, account: int, amount: Decimal, has_id: bool, status: str | None, kind: str) -> None:
        self.written += 1
        self.listed_as[str(self.written)] = kind
        self.known(account).put_invoice(
            {
                "id": f"in_{self.written}" if has_id else None,
                "created": int(self.bench.now.timestamp()),
                "status": status,
                "currency": "usd",
                "amount_due": amount,
                "amount_paid": 0,
                "amount_remaining": amount,
                "description": None if has_id else f"number {self.written}",
            },
            key=f"in_{self.written}",
            listed_as=kind,
        )

    @precondition(lambda self: self.written)
    @rule(account=accounts, number=st.integers(0, 50), status=st.sampled_from(["paid", "void", "open"]), paid=money)
    def an_invoice_changes(self, account: int, number: int, status: str, paid: Decimal) -> None:
        keys = self.known(account).invoice_keys(self.bench.now)
        if keys:
            changes = {"status": status, "amount_paid": paid, "attempted": True, "attempt_count": number}
            self.known(account).change_invoice(keys[number % len(keys)], self.bench.now, **changes)

    @precondition(lambda self: self.written)
    @rule(account=accounts, number=st.integers(0, 50))
    def an_invoice_is_deleted(self, account: int, number: int) -> None:
        keys = self.known(account).invoice_keys(self.bench.now)
        if keys:
            self.known(account).delete_invoice(keys[number % len(keys)])

    @rule(account=accounts, amounts=st.lists(st.integers(0, 3).map(lambda n: n * 25_000), min_size=1, max_size=3))
    def the_preview_changes(self, account: int, amounts: list[int]) -> None:
        """Few different amounts, so that versions return."""
        lines = [
            {
                "description": f"model {place}",
                "amount": amount,
                "currency": "usd",
                "quantity": Decimal(amount).scaleb(-3),
                "period": {"start": 1_793_491_200, "end": 1_796_083_200},
                "pricing": {"unit_amount_decimal": None},
                **({"pretax_credit_amounts": [{"amount": amount, "type": "x"}] * place} if place else {}),
            }
            for place, amount in enumerate(amounts)
        ]
        total = sum(amounts)
        self.known(account).set_preview(
            {
                "id": "upcoming",
                "status": "draft",
                "currency": "usd",
                "amount_due": total,
                "amount_paid": 0,
                "amount_remaining": total,
                "period_start": 1_793_491_200,
                "period_end": 1_796_083_200,
                "invoice_lines": lines,
            }
        )

    @rule(account=accounts, form=st.sampled_from(["not_found", "null", "empty"]))
    def the_preview_vanishes(self, account: int, form: str) -> None:
        self.known(account).set_preview(None, absent=form)

    @rule(account=accounts, amount=money)
    def the_balance_changes(self, account: int, amount: Decimal) -> None:
        self.known(account).set_balance(amount)

    @rule(account=accounts, amount=st.none() | money, failed=st.sampled_from([None, 0, 1_790_000_000_123]))
    def the_topup_changes(self, account: int, amount: Decimal | None, failed: int | None) -> None:
        self.known(account).set_topup_config({"amount": amount, "threshold": 500, "lastFailedAt": failed})

    @rule(account=accounts, amount=st.none() | money)
    def the_limit_changes(self, account: int, amount: Decimal | None) -> None:
        config = {"amount": amount, "duration": "monthly", "strategy": None}
        self.known(account).set_spending_limit(None if amount is None else {"enabled": True, "config": config})

    @rule(minutes=st.one_of(st.integers(1, 90), st.integers(60, 1500), st.integers(1440, 6 * 1440)))
    def time_passes(self, minutes: int) -> None:
        self.bench.now += timedelta(minutes=minutes)

    @rule(ahead=st.sampled_from([0, 0, 0, 4, -4, 61, -61, 60 * 1440, -60 * 1440]))
    def the_clock_of_the_machine_is_set(self, ahead: int) -> None:
        """By minutes. Nothing of it may be seen in any table."""
        self.bench.ahead = timedelta(minutes=ahead)

    @rule()
    def nobody_loads_for_weeks(self) -> None:
        self.bench.now += 40 * DAY

    @rule(unit=st.sampled_from(["s", "ms"]), limit=st.sampled_from([10, 100]), refuses=st.booleans())
    def the_api_changes_its_habits(self, unit: str, limit: int, refuses: bool) -> None:
        world = self.bench.world
        world.usage_time_unit, world.row_limit, world.refuses_future_end = unit, limit, refuses

    # --- loads ---------------------------------------------------------------------------------------------------

    @invariant()
    def somebody_loads_now_and_then(self) -> None:
        """Hypothesis leaves rules out at random, and may leave out every load."""
        self.counts["steps"] += 1
        self.since_load += 1
        if self.since_load > 6:
            self.run()

    @rule(lookback=st.sampled_from([None, None, None, 0, 1, 7]))
    def load(self, lookback: int | None) -> None:
        self.run(lookback_days=lookback)

    @rule(
        kind=fault_kinds,
        endpoint=st.none() | endpoints,
        account=st.none() | accounts,
        often=st.sampled_from([{}, {"times": 1}, {"times": 9}, {"every": 2}, {"every": 5}, {"nth": 3}]),
        lookback=st.sampled_from([None, None, 1]),
    )
    def load_through_faults(
        self, kind: Any, endpoint: str | None, account: int | None, often: Fields, lookback: int | None
    ) -> None:
        account_id = None if account is None else self.known(account).id
        self.bench.faults.add(kind, endpoint=endpoint, account_id=account_id, **often)
        self.run(lookback_days=lookback)
        self.bench.faults.clear()

    @rule(only=st.sampled_from(["usage_hourly", "usage_daily", "invoices", "invoice_preview", "credit_balance"]))
    def load_one_resource(self, only: str) -> None:
        self.run(only=(only,))

    @rule(first=st.integers(0, 60), days=st.integers(0, 50))
    def backfill(self, first: int, days: int) -> None:
        begin = START - timedelta(days=5) + timedelta(days=first)
        self.run(backfill=(begin, begin + timedelta(days=days)), only=("usage_hourly", "usage_daily"))

    @rule(names=st.sets(st.sampled_from(sorted(AMBIENT)), max_size=3))
    def another_program_has_settings(self, names: set[str]) -> None:
        """dlt knows them, too; they last until others take their place."""
        self.ambient = {name: AMBIENT[name] for name in names}

    @rule()
    def full_refresh(self) -> None:
        self.run(full_refresh=True)

    @rule(at=st.sampled_from(sorted(STEPS)))
    def a_load_dies(self, at: str) -> None:
        self.bench.die(at)

    @rule()
    def the_loads_own_folder_is_lost(self) -> None:
        shutil.rmtree(self.bench.database.with_name("billing.duckdb.load"), ignore_errors=True)

    def run(self, **options: Any) -> None:
        self.since_load = 0
        chosen = list(self.bench.world.accounts)
        before = self.bench.database.exists() and self.bench.database.read_bytes()
        with patch.dict(os.environ, self.ambient):
            result = self.bench.load(chosen, **options)
        self.counts[result.exit_code] += 1
        if result.exit_code in (3, 6):
            assert (self.bench.database.exists() and self.bench.database.read_bytes()) == before
            return
        loaded = result.outcomes.of.items()
        failed = {(account_id, resource) for account_id, resource in result.outcomes.failures()}
        assert bool(failed) == (result.exit_code == 4)
        only = options.get("only") or (*USAGE.values(), "invoices", *SNAPSHOTS)
        for account_id in chosen:
            for grouping, table in USAGE.items():
                is_read = table in only
                self.check_usage(account_id, grouping, is_read, (account_id, table) not in failed, options)
            is_read = "invoices" in only and (account_id, "invoices") not in failed
            self.check_invoices(account_id, is_read)
            for table in SNAPSHOTS:
                self.check_versions(account_id, table, table in only and (account_id, table) not in failed)
        self.listed_at |= {account_id: self.bench.now for (account_id, _), each in loaded if each.is_loaded}
        for account_id in self.vanished:
            self.check_vanished(account_id)

    def check_vanished(self, account_id: str) -> None:
        """All that was known of it is there still; after 35 days it is gone."""
        for grouping in USAGE:
            assert (
                by_bucket(grouping, self.bench.usage(grouping, account_id)) == self.series[account_id, grouping].table
            )
        self.check_invoices(account_id, is_read=False)
        for table in SNAPSHOTS:
            self.check_versions(account_id, table, is_read=False)
        found = self.bench.rows("select last_listed_at, is_gone from spend.accounts where account_id = $1", account_id)
        listed_at = self.listed_at.get(account_id)
        if found and listed_at:
            assert found == [(listed_at, listed_at < max(self.listed_at.values()) - 35 * DAY)]

    def check_forgotten(self, account_id: str) -> None:
        for table in TABLES:
            assert not self.bench.has(table) or not self.bench.one(
                f"select count(*) from {{raw}}.{table} where account_id = $1", account_id
            )

    def check_usage(self, account_id: str, grouping: str, is_read: bool, is_well: bool, options: Fields) -> None:
        series = self.series[account_id, grouping]
        table = by_bucket(grouping, self.bench.usage(grouping, account_id))
        truth = by_bucket(grouping, self.bench.true_usage(grouping, account_id, since=LONG_AGO))
        first, end = self.stretch(series, grouping, options)
        for bucket in {*table, *truth, *series.table}:
            allowed = [series.table.get(bucket, ())]
            if is_read and is_well and bucket < end:
                allowed = self.allowed(series, bucket, truth, first, bool(options.get("backfill")))
            elif is_read:
                allowed.append(truth.get(bucket, ()))
            found = table.get(bucket, ())
            assert found in allowed, f"{account_id[0]} {grouping} {bucket}: {found} is none of {allowed}"
        series.table = table
        if is_read and is_well:
            self.check_coverage(account_id, grouping, first, end, bool(options.get("backfill")))
        if is_read and not options.get("backfill"):
            series.was_read(grouping, truth, self.bench.now, first, is_well)

    def allowed(
        self,
        series: Series,
        bucket: datetime,
        truth: dict[datetime, tuple[Row, ...]],
        first: datetime,
        is_backfill: bool,
    ) -> list[tuple[Row, ...]]:
        """What may stand in a bucket after a load that went well."""
        if bucket < (first if is_backfill else BEGIN):
            return [series.table.get(bucket, ())]
        return series.allowed(bucket, truth, first)

    def stretch(self, series: Series, grouping: str, options: Fields) -> tuple[datetime, datetime]:
        """What a load that goes well has to read: from when, and until when."""
        running = floor(grouping, self.bench.now)
        end = running if self.bench.world.refuses_future_end else running + WIDTH[grouping]
        if options.get("backfill"):
            begin, last = map(at_midnight, options["backfill"])
            return begin, min(end, last + DAY)
        is_full = options.get("full_refresh", False)
        return series.must_start(self.bench.now, options.get("lookback_days"), is_full), end

    def check_coverage(self, account_id: str, grouping: str, first: datetime, end: datetime, is_backfill: bool) -> None:
        found = self.bench.coverage(grouping, account_id)
        running = floor(grouping, self.bench.now)
        days = [first + number * DAY for number in range((midnight(end - HOUR) - first) // DAY + 1)]
        for day in days:
            assert found[day.date()] == (max(day, min(day + DAY, running, max(end, day))), self.bench.now)
        if not is_backfill:
            whole = {(BEGIN + number * DAY).date() for number in range((midnight(running) - BEGIN) // DAY)}
            assert whole <= {day for day, (until, _) in found.items() if until == at_midnight(day) + DAY}

    def check_invoices(self, account_id: str, is_read: bool) -> None:
        model = self.invoices[account_id]
        if is_read:
            listed = self.bench.true_invoices(account_id)
            numbers = [re.findall(r"\d+", row["id"] or row["description"])[0] for row in listed]
            is_proven = any(self.listed_as[number] != "usage" for number in numbers)
            if listed:  # an empty list tells nothing of those that it held
                model.update({identity: row | {"is_listed": False} for identity, row in model.items()})
            for row, number in zip(listed, numbers, strict=True):
                kind = KINDS[self.listed_as[number]] if is_proven else "unknown"
                identity = row["id"] or (row["created"], row["description"], row["amount_due"])
                model[identity] = row | {"is_listed": True, "kind": kind}
        newest, found = self.bench.listed(account_id), {}
        for key, row in self.bench.invoices(account_id).items():
            is_ours = row["has_surrogate_id"]
            identity = (row["created"], row["description"], row["amount_due"]) if is_ours else key
            shape = invoice_row({**row, "created": None})
            found[identity] = shape | {
                "id": None if is_ours else key,
                "created": row["created"],
                "is_listed": row in newest,
                "kind": row["kind"],
            }
        assert found == model

    def check_versions(self, account_id: str, table: str, is_read: bool) -> None:
        model = self.versions[account_id, table]
        if is_read:
            truth = self.bench.true_snapshot(table, account_id)
            current = truth and truth | {"account_id": account_id}
            if (
                model
                and model[-1]["is_open"]
                and {**model[-1], "is_open": None} != {**(current or {}), "is_open": None}
            ):
                model[-1]["is_open"] = False
            if current and not (model and model[-1]["is_open"]):
                model.append(current | {"is_open": True})
        assert self.bench.versions(table, account_id) == model, table


def at_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


Record = Callable[[str, object], None]


def walk(examples: int, steps: int, record: Record) -> None:
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=[hypothesis.Phase.generate],  # a load takes a second: making a failure shorter would take an hour
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    Loads.counts.clear()
    Loads.failures.clear()
    try:
        run_state_machine_as_test(Loads, settings=settings)
    except hypothesis.errors.Flaky as flaky:  # all that it says of a failure that does not come again
        raise (Loads.failures or [flaky])[0] from flaky
    finally:
        record("steps, and loads by exit code", dict(Loads.counts))
        print(f"steps, and loads by exit code: {dict(Loads.counts)}")  # noqa: T201


@pytest.mark.usefixtures("next_door")
@pytest.mark.parametrize(
    ("examples", "steps"), [(2, 20), pytest.param(6, 30, marks=pytest.mark.thorough)], ids=["quick", "more"]
)
def test_after_every_load_the_tables_equal_the_world(examples: int, steps: int, record_property: Record) -> None:
    """Tens of steps or two hundred; `-m slow` takes thousands."""
    walk(examples=examples, steps=steps, record=record_property)


@pytest.mark.slow
@pytest.mark.usefixtures("next_door")
def test_after_every_load_the_tables_equal_the_world_for_long(record_property: Record) -> None:
    walk(examples=60, steps=60, record=record_property)


def test_a_failure_that_does_not_come_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis would say no more than that its second run drew other data than the first."""
    failing = iter([AssertionError("what failed")])

    def run(self: Loads, **_: object) -> None:
        self.since_load = 0
        for error in failing:
            raise error

    monkeypatch.setattr(Loads, "run", run)

    with pytest.raises(AssertionError, match="what failed"):
        walk(examples=3, steps=10, record=lambda *_: None)
