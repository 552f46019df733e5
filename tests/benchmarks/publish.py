"""What it takes to publish a file of which a load changed nothing but a row of its bookkeeping, beside plain copies.

`python tests/benchmarks/publish.py [--folder PLACE] [--runs N] MEGABYTES ...`: makes a database of that size in PLACE.
Then it is published in turns as a load does, copied with `cp`, and cloned where the file system can. Prints a table of
medians; `written` is what the kernel counts for the disk. Asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from subprocess import run

import duckdb

from ai_gateway_billing_pipeline.database import storage
from ai_gateway_billing_pipeline.loading.workspace import Workspace

ROW = 16
ROWS_AT_ONCE = 20_000_000


def make(path: Path, megabytes: int) -> None:
    """A database of numbers that cannot be compressed."""
    storage.create(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table bookkeeping as select 1 as loads")
        connection.execute("create table filler (number uhugeint)")
        for first in range(0, megabytes * 1_000_000 // ROW, ROWS_AT_ONCE):
            last = min(first + ROWS_AT_ONCE, megabytes * 1_000_000 // ROW)
            mixed = "(hash(range)::uhugeint << 64) | hash(range + 7)"
            connection.execute(f"insert into filler select {mixed} from range({first}, {last})")
            connection.execute("checkpoint")


def publish(path: Path) -> None:
    with Workspace(path).changed() as connection:
        connection.execute("update bookkeeping set loads = loads + 1")


def copied(path: Path, *options: str) -> Callable[[], None]:
    """Copies the file beside itself and waits until it is on the disk, as a load does, or not."""
    copy = path.with_name("copy")

    def act() -> None:
        copy.unlink(missing_ok=True)
        run(
            ["cp", *(each for each in options if each != "sync"), str(path), str(copy)], check=True, capture_output=True
        )
        if "sync" in options:
            run(["sync", str(copy)], check=True)

    return act


def can_clone(path: Path) -> bool:
    command = ["cp", "--reflink=always", str(path), str(path.with_name("copy"))]
    return not run(command, check=False, capture_output=True).returncode


def written() -> int:
    """Bytes that this process and those that it waited for sent to the disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def measure(path: Path, runs: int) -> None:
    """One size: a line for each way."""
    ways: dict[str, Callable[[], None]] = {
        "publish": lambda: publish(path),
        "cp": copied(path),
        "cp and sync": copied(path, "sync"),
    }
    if can_clone(path):
        ways["clone"] = copied(path, "--reflink=always")
    times: dict[str, list[float]] = {name: [] for name in ways}
    bytes_of: dict[str, list[int]] = {name: [] for name in ways}
    for number in range(runs + 1):
        for name, act in ways.items():
            os.sync()
            before, began = written(), time.perf_counter()
            act()
            if number:  # the first is a warm-up
                times[name].append(time.perf_counter() - began)
                bytes_of[name].append(written() - before)
    against = "clone" if "clone" in ways else "cp"
    for name in ways:
        ratio = median(times[name]) / median(times[against])
        cells = [
            f"{path.stat().st_size / 1e6:,.0f} MB",
            name,
            f"{median(times[name]):.3f} s",
            f"{ratio:.2f} × {against}",
        ]
        sys.stdout.write(f"| {' | '.join([*cells, f'{median(bytes_of[name]) / 1e6:,.1f} MB'])} |\n")
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("megabytes", type=int, nargs="*", default=[10, 1000])
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    sys.stdout.write("| file | what | wall | ratio | written |\n| ---: | --- | ---: | --- | ---: |\n")
    for size in given.megabytes:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            path = Path(folder) / "billing.duckdb"
            make(path, size)
            measure(path, given.runs)


if __name__ == "__main__":
    main()
