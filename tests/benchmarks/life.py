"""Two simulated years of loads of one account: what a load costs in the second month and in the last, and what grows.

A load every few days, and in those two months one each hour of a day, which are timed. Each hour brings usage, another
preview and balance, every few days an invoice. All in one process, without a network, so that years take minutes.
Prints figures; asserts nothing.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ai_gateway_billing.simulator import World
from support.bench import Bench
from support.constants import ACCOUNT, DAY, HOUR, TOKEN

BEGIN = datetime(2024, 11, 1, 0, 30, tzinfo=UTC)
MONTH = 30 * DAY
OWN = ("_dlt_pipeline_state", "_dlt_loads", "_dlt_version", "load_status", "credit_balance", "invoice_preview")


def moments(years: float, every: timedelta) -> Iterator[tuple[datetime, str]]:
    """When loads run, and which of them are timed as what."""
    count = round(years * 365) * DAY // every
    timed = {45 * DAY // every: "second month", count - 15 * DAY // every: "last month"}
    for number in range(count):
        day = BEGIN + number * every
        yield day, ""
        yield from ((day + hour * HOUR, timed[number]) for hour in range(1, 24) if number in timed)


def size(bench: Bench) -> str:
    """The published file, rows of tables that each load adds to, and what lies beside it."""
    beside = [path for path in bench.database.with_name("billing.duckdb.load").rglob("*") if path.is_file()]
    with duckdb.connect(str(bench.database), read_only=True) as connection:
        counts = {
            name: connection.execute(f"select count(*) from ai_gateway_billing.{name}").fetchone() for name in OWN
        }
    rows = ", ".join(f"{count[0]} {name}" for name, count in counts.items() if count)
    return f"{bench.database.stat().st_size / 1e6:.1f} MB; {len(beside)} files beside it; {rows}"


def main(years: float = 2, days_between: float = 2) -> None:
    """Live the years and print."""
    costs: dict[str, list[float]] = {}
    told = 0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), World(), now=BEGIN, start=f"{BEGIN:%Y-%m-%d}")
        bench.world.add_generated_account(ACCOUNT, start=BEGIN, size=1000)
        bench.world.add_token(TOKEN)
        for number, (bench.now, label) in enumerate(moments(years, days_between * DAY)):
            gc.collect()
            began = time.process_time()
            bench.load_well()
            if label:
                costs.setdefault(label, []).append(time.process_time() - began)
            month = (bench.now - BEGIN) // MONTH
            if month >= told:
                sys.stdout.write(f"month {month + 1:>2}, load {number + 1:>4}: {size(bench)}\n")
                sys.stdout.flush()
                told = month + 6
        sys.stdout.write(f"end: {size(bench)}\n")
    for label, seconds in costs.items():
        sys.stdout.write(f"{label}: {1000 * median(seconds):.0f} ms of CPU a load (median of {len(seconds)})\n")
    sys.stdout.write(f"last month / second month: {median(costs['last month']) / median(costs['second month']):.2f}\n")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
