"""Two months of hourly loads of a world that changes, through faults and deaths: the tables stay exact, and nothing
grows but the rows.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import mean

import duckdb
import pytest

from ai_gateway_billing import extraction
from ai_gateway_billing.simulator import Account, World
from ai_gateway_billing.usage.windows import floor
from support.bench import SNAPSHOTS, STEPS, USAGE, Bench, Fields, same_rows
from support.constants import ACCOUNT, DAY, HOUR, OTHER, TOKEN

BEGIN = datetime(2026, 9, 15, 0, 30, tzinfo=UTC)
HISTORY = 14 * DAY
FAULTS = (429, 500, "reset", "torn_body")
LOOKBACK = 3 * DAY
HORIZON_HOURS = 33 * 24
MOST_REQUESTS = 9
"""Of a load per account with at most 50 invoices: one for hours, one for days, one page of invoices, and of either type
where one is new, four states. One more is for the list of accounts.
"""
MOST_OF_A_DEEP_PASS = 35 // 4 + 1
"""Once a day an account's late-event horizon is read, four days of hours to a request."""
GROUPING = {table: grouping for grouping, table in USAGE.items()}
Series = tuple[str, str]


class Soak(Bench):
    """Loads hour by hour, what happens between them, and what was measured after each."""

    def __init__(self, folder: Path, seed: int, every: timedelta = HOUR) -> None:
        super().__init__(folder, World(), now=BEGIN, start=f"{BEGIN - HISTORY:%Y-%m-%d}")
        self.every = every
        self.random = Random(seed)
        self.simulator.faults.random.seed(seed)
        for account_id, size in ((ACCOUNT, 1000), (OTHER, 200)):
            self.world.add_generated_account(account_id, start=BEGIN - HISTORY, size=size)
        self.world.add_token(TOKEN)
        self.exits: Counter[int] = Counter()
        self.faults_fired = self.deaths = 0
        self.compared: dict[Series, list[datetime]] = {(one, each): [] for one in self.world.accounts for each in USAGE}
        self.requests: dict[int, int] = {}
        self.folder_files: list[int] = []
        self.folder_bytes: list[int] = []
        self.memory: list[int] = []
        self.waste: list[float] = []

    def run(self, days: int) -> None:
        """So many days of loads, and one that reads everything in the end."""
        while self.now < BEGIN + days * DAY:
            for account in self.world.accounts.values():
                self.change(account)
            if self.random.random() < 0.04:
                self.die(self.random.choice(sorted(STEPS)))
                self.deaths += 1
            is_last_of_day = (self.now + self.every).date() > self.now.date()
            if self.random.random() < 0.3 and not is_last_of_day:
                self.load_through_faults()
            else:
                self.load_soundly()
            if is_last_of_day:
                self.assert_recent_equals_world()
                self.measure()
            self.now += self.every
        self.load_well(lookback_days=35)
        self.assert_equals_world()

    # --- happenings --------------------------------------------------------------------------------------------------

    def change(self, account: Account) -> None:
        """What an hour may bring: late, changed and withdrawn buckets, invoices, another balance or top-up."""
        dice = self.random
        grouping = dice.choice(("hour", "hour", "day"))
        ago = dice.choice((dice.randrange(48), dice.randrange(HORIZON_HOURS)))
        start = (self.now - ago * HOUR).replace(hour=0) if grouping == "day" else self.now - ago * HOUR
        start = max(start, BEGIN - HISTORY + DAY).replace(minute=0)
        values = [Decimal(dice.randrange(10**9)).scaleb(-6) for _ in range(dice.choice((1, 1, 2)))]
        happenings = {
            "late": lambda: account.set_buckets(grouping, start, *values),
            "withdrawn": lambda: account.withdraw(grouping, start),
            "other id": lambda: account.reid(grouping, start),
            "as it was": lambda: account.as_generated(grouping, start),
            "invoice": lambda: self.change_invoice(account),
            "balance": lambda: account.set_balance(values[0]),
            "top-up": lambda: account.set_topup_config({"amount": dice.randrange(9) * 1000, "threshold": 500}),
            "limit": lambda: account.set_spending_limit(None if dice.random() < 0.5 else limit(dice.randrange(5))),
        }
        if dice.random() < 0.5:
            happenings[dice.choice(list(happenings))]()

    def change_invoice(self, account: Account) -> None:
        keys = account.invoice_keys(self.now)
        if self.random.random() < 0.5 and len(keys) < 50:
            account.put_invoice(invoice(f"in_{self.now:%m%d%H}", self.now, self.random.randrange(10**6)))
        elif keys and self.random.random() < 0.2:
            account.delete_invoice(self.random.choice(keys))
        elif keys:
            account.change_invoice(self.random.choice(keys), self.now, status=self.random.choice(("paid", "void")))

    # --- loads -------------------------------------------------------------------------------------------------------

    def load_through_faults(self) -> None:
        """Some faults pass and are not noticed; some stay, and fail what they strike."""
        fault = self.faults.add(self.random.choice(FAULTS), probability=self.random.choice((0.1, 0.3, 0.9)))
        exit_code = self.load_once()
        self.faults_fired += fault.fired
        self.faults.clear()
        assert exit_code in (0, 4, 6)

    def load_soundly(self) -> None:
        assert self.load_once() == 0
        deep = sum(grouping == "hour" for _, grouping in self.read_deep())
        self.requests[deep] = max(self.requests.get(deep, 0), len(self.simulator.requests))

    def load_once(self) -> int:
        self.simulator.requests.clear()
        result = self.load(list(self.world.accounts))
        self.exits[result.exit_code] += 1
        if result.exit_code != 6:
            self.compare(self.read_deep() - {(one, GROUPING.get(table)) for one, table in result.outcomes.failures()})
        return result.exit_code

    def compare(self, read: set[Series]) -> None:
        """After a deep pass the usage equals the world, however late an event came."""
        for account_id, grouping in read:
            until = self.read_until(account_id, grouping)
            assert until >= floor(grouping, self.now), "what has ended is read"
            found, expected = self.usage(grouping, account_id), self.true_usage(grouping, account_id)
            same_rows([row for row in found if row[0] < until], [row for row in expected if row[0] < until])
            self.compared[account_id, grouping].append(self.now)

    def read_until(self, account_id: str, grouping: str) -> datetime:
        """The end of what the last load got. It leaves out a running day that the API does not answer for."""
        asked = [each for each in self.simulator.requests if (each.account_id, each.status) == (account_id, 200)]
        ends = [each.query["end_time"] for each in asked if each.query.get("value_grouping_window") == grouping]
        return datetime.fromtimestamp(max(map(int, ends)) / 1000, UTC)

    def read_deep(self) -> set[Series]:
        """What the last load read over the whole horizon; each account and grouping has its own 24 hours."""
        horizon = max(BEGIN - HISTORY, self.now - 34 * DAY)
        asked = [each for each in self.simulator.requests if each.endpoint == "usage-history"]
        return {
            (str(each.account_id), each.query["value_grouping_window"])
            for each in asked
            if int(each.query["start_time"]) <= horizon.timestamp() * 1000
        }

    def assert_recent_equals_world(self) -> None:
        """What every load reads: three days of usage, all invoices and states."""
        since = self.now.replace(hour=0, minute=0) - LOOKBACK
        for account_id in self.world.accounts:
            for grouping in USAGE:
                found = [row for row in self.usage(grouping, account_id) if row[0] >= since]
                same_rows(found, self.true_usage(grouping, account_id, since))
            self.assert_invoices_equal(account_id)
            for table in SNAPSHOTS:
                self.assert_current(table, account_id)

    # --- measures ----------------------------------------------------------------------------------------------------

    def measure(self) -> None:
        files = [path for path in self.database.with_name("billing.duckdb.load").rglob("*") if path.is_file()]
        self.folder_files.append(len(files))
        self.folder_bytes.append(sum(path.stat().st_size for path in files))
        gc.collect()
        self.memory.append(resident())
        self.waste.append(self.database.stat().st_size / self.compacted())

    def compacted(self) -> int:
        """The size of a new file that holds the same rows."""
        copy = self.database.with_name("copy.duckdb")
        copy.unlink(missing_ok=True)
        query = "select table_name from duckdb_tables() where database_name = 'old' and schema_name = $1"
        with duckdb.connect(str(copy)) as connection:
            connection.execute(f"attach '{self.database}' as old (read_only)")
            connection.execute("create schema ai_gateway_billing")
            for (table,) in connection.execute(query, ["ai_gateway_billing"]).fetchall():
                connection.execute(f"create table ai_gateway_billing.{table} as from old.ai_gateway_billing.{table}")
        return copy.stat().st_size

    def figures(self) -> Fields:
        return {
            "loads": sum(self.exits.values()),
            "exit codes": dict(self.exits),
            "faults": self.faults_fired,
            "deaths": self.deaths,
            "deep passes compared": sum(map(len, self.compared.values())),
            "most requests by deep passes over hours": self.requests,
            "files in the folder": ratio(self.folder_files),
            "bytes in the folder": ratio(self.folder_bytes),
            "memory": ratio(self.memory),
            "published by the size of its rows": [round(self.waste[place], 2) for place in (0, -1)],
            "published bytes": self.database.stat().st_size,
        }


def ratio(days: list[int]) -> float:
    """The last quarter of the days against the first, of which the very first two are warm-up."""
    quarter = -(-len(days) // 4)
    return round(mean(days[-quarter:]) / mean(days[min(2, quarter - 1) : quarter + 1]), 3)


def invoice(invoice_id: str, now: datetime, amount: int) -> Fields:
    return {
        "id": invoice_id,
        "created": int(now.timestamp()),
        "status": "open",
        "currency": "usd",
        "amount_due": amount,
        "amount_paid": 0,
        "amount_remaining": amount,
    }


def limit(amount: int) -> Fields:
    return {"enabled": True, "config": {"amount": amount * 100, "duration": "monthly", "strategy": None}}


def resident() -> int:
    """Bytes of memory that this process holds now; where the system does not tell, the most that it ever held."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Soak]]:
    monkeypatch.setattr(extraction, "WORKERS", 1)  # one at a time, so that the same faults hit the same requests
    started: list[Soak] = []

    def start(seed: int, every: timedelta = HOUR) -> Soak:
        started.append(Soak(tmp_path, seed, every))
        return started[-1]

    yield start
    for soak in started:
        soak.close()


def assert_sound(soak: Soak) -> None:
    """Every day was compared and covered, requests stayed few, and the folder keeps nothing of earlier loads."""
    days = (soak.now - BEGIN) // DAY
    history = {(BEGIN - HISTORY + number * DAY).date() for number in range(days + HISTORY // DAY + 1)}
    for account_id in soak.world.accounts:
        for grouping in USAGE:
            assert soak.coverage(grouping, account_id).keys() == history
    assert sum(soak.exits.values()) == days * DAY // soak.every
    for compared in soak.compared.values():
        assert max(later - earlier for earlier, later in pairwise(compared)) <= 36 * HOUR
    for deep, requests in soak.requests.items():
        assert requests <= 1 + MOST_REQUESTS * len(soak.world.accounts) + MOST_OF_A_DEEP_PASS * deep
    assert ratio(soak.folder_files) <= 1.1
    assert ratio(soak.folder_bytes) <= 1.25


@pytest.mark.thorough
def test_three_days_of_loads_stay_exact(start: Callable[..., Soak]) -> None:
    """A load every six hours; `-m slow` loads every hour of two months."""
    soak = start(seed=1, every=6 * HOUR)

    soak.run(days=3)

    assert_sound(soak)
    assert soak.deaths
    assert soak.faults_fired


@pytest.mark.slow
def test_two_months_of_hourly_loads_stay_exact_and_grow_nothing_but_rows(
    start: Callable[..., Soak], record_property: Callable[[str, object], None]
) -> None:
    """A load costs a second, nearly all of it dlt's own, so this takes half an hour. `-s` shows the figures."""
    soak = start(seed=20261122)

    soak.run(days=61)

    for name, value in soak.figures().items():
        record_property(name, value)
        print(f"{name}: {value}")  # noqa: T201
    assert_sound(soak)
    assert ratio(soak.memory) <= 1.2
    assert soak.waste[-1] <= 1.25 * soak.waste[0]
