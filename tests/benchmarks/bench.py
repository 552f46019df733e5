"""Times `aig-billing` as whole processes against peers on the same local server, and prints a table: `make bench`.

Every run starts a new process on an empty folder of its own, contenders take turns, and a figure is the median of its
runs; a ratio is the median of those of each turn. After each run the tables are compared with what the server holds; a
difference ends the benchmark. Nothing is asserted about seconds.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, PIPE, Popen, run
from typing import NamedTuple

from truth import DAY_MS, HOUR_MS, Truth

HERE = Path(__file__).parent
SDK = Path("build/bench-sdk").absolute()
"""The vendor's SDK and pandas, which only their contender sees: wherever pandas is installed, pyarrow imports it."""
BIN = Path(sys.executable).parent
LOAD = [str(BIN / "aig-billing"), "load", "--json"]
NOW_MS = int(time.time() * 1000) // HOUR_MS * HOUR_MS
TODAY_MS = NOW_MS // DAY_MS * DAY_MS
PEERS = ("official_sdk", "idiomatic_dlt", "floor")
POSTGRES = os.environ.get("DESTINATION__POSTGRES__CREDENTIALS")
EMPTY = "drop schema if exists ai_gateway_billing cascade; drop schema if exists ai_gateway_billing_staging cascade"


class Cost(NamedTuple):
    """What a process took. `requests` were sent by it; `peak_mb` is its largest resident set.

    `written_mb` went to the disk, as the kernel counts; `file_mb` is the database that it left.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    written_mb: float = 0.0
    requests: int = 0
    file_mb: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":  # type: ignore[override]
        sums = (mine + its for mine, its in zip(self, other, strict=True))
        return Cost(*sums)._replace(peak_mb=max(self.peak_mb, other.peak_mb))


@dataclass
class Line:
    """One line of the table: the medians of several runs, and what it is measured against."""

    case: str
    who: str
    runs: list[Cost] = field(default_factory=list)
    against: dict[str, "Line"] = field(default_factory=dict)
    target: str = ""

    @property
    def typical(self) -> Cost:
        return Cost(*map(median, zip(*self.runs, strict=True)))

    def ratio(self, other: "Line") -> str:
        """Turn by turn, since the machine's speed drifts."""
        pairs = list(zip(self.runs, other.runs, strict=False))
        wall = median(mine.seconds / its.seconds for mine, its in pairs)
        cpu = median(mine.cpu_s / its.cpu_s for mine, its in pairs)
        return f"{wall:.2f} (CPU {cpu:.2f})"

    def cells(self) -> list[str]:
        it = self.typical
        ratios = [f"{self.ratio(line)} × {name}" for name, line in self.against.items()]
        requests = f"{it.requests:,.0f}" if it.requests else ""
        file = f"{it.file_mb:.1f} MB" if it.file_mb else ""
        numbers = [f"{it.seconds:.2f} s", f"{it.cpu_s:.2f} s", f"{it.peak_mb:.0f} MB", f"{it.written_mb:.1f} MB"]
        return [self.case, self.who, *numbers, file, requests, ", ".join(ratios), self.target]


def process(command: Sequence[str], folder: Path, **environ: str) -> Cost:
    """Run a command to its end. Raises RuntimeError with what it said when it fails."""
    own = {"HOME": str(folder), "DLT_DATA_DIR": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false"}
    own |= {"CLOUDFLARE_API_TOKEN": "benchmark", "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    with (folder / "stderr").open("wb") as errors, (folder / "stdout").open("wb") as output:
        began = time.perf_counter()
        child = Popen(command, cwd=folder, env=own | environ, stdin=DEVNULL, stdout=output, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        said = (folder / "stderr").read_text()[-2000:] + (folder / "stdout").read_text()[-1000:]
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{said}")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, used.ru_oublock * 512 / 1e6)


@dataclass
class Server:
    """A server process over a truth. `base_url` is the API's root."""

    truth: Truth
    root: str

    @property
    def base_url(self) -> str:
        return f"{self.root}/client/v4"

    def requests(self) -> int:
        """How many requests came since the last time this was asked."""
        with urllib.request.urlopen(f"{self.root}/requests") as answer:
            return int(json.load(answer)["requests"])


@contextmanager
def serving(truth: Truth, latency_ms: float = 0.0) -> Iterator[Server]:
    """Serve the truth while the context lasts."""
    numbers = {"accounts": truth.accounts, "start-ms": truth.start_ms, "end-ms": truth.end_ms}
    numbers |= {"invoices": truth.invoices, "latency-ms": latency_ms}
    options = [part for name, number in numbers.items() for part in (f"--{name}", str(number))]
    child = Popen([sys.executable, str(HERE / "server.py"), *options], stdout=PIPE, text=True)
    try:
        assert child.stdout is not None
        yield Server(truth, child.stdout.readline().strip())
    finally:
        child.terminate()
        child.wait()


@contextmanager
def folder() -> Iterator[Path]:
    """A new empty folder."""
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def check(database: Path, truth: Truth, peers_accounts: Sequence[int] | None = None) -> None:
    """Compare a database with the truth. Raises CalledProcessError after it has said what differs."""
    given = json.dumps([str(database), asdict(truth), peers_accounts and list(peers_accounts)])
    run([sys.executable, str(HERE / "compare.py"), given], check=True)


def load(server: Server, path: Path, *options: str) -> Cost:
    """`aig-billing load` of everything the server holds, into `billing.duckdb` in that folder; checked."""
    start = f"{datetime.fromtimestamp(server.truth.start_ms / 1000, UTC):%Y-%m-%d}"
    server.requests()
    command = [*LOAD, "--base-url", server.base_url, "--start", start, "--database", "billing.duckdb", *options]
    cost = process(command, path, CLOUDFLARE_ACCOUNT_ID="all")
    database = path / "billing.duckdb"
    cost = cost._replace(requests=server.requests(), file_mb=database.stat().st_size / 1e6)
    check(database, server.truth)
    return cost


def peer(name: str, server: Server, path: Path, accounts: Sequence[int] = (0,)) -> Cost:
    """One contender reads the hourly usage of an account, the floor also that of several; checked."""
    truth, database = server.truth, path / f"{name}{accounts[0]}.duckdb"
    script = str(HERE / "contenders" / f"{name}.py")
    window = [str(truth.start_ms), str(truth.end_ms)]
    server.requests()
    ids = ",".join(truth.account_ids[number] for number in accounts)
    command = [sys.executable, script, server.base_url, ids, *window, str(database)]
    needs = {"PYTHONPATH": str(SDK)} if name == "official_sdk" else {}
    cost = process(command, path, **needs)._replace(requests=server.requests())
    check(database, truth, accounts)
    return cost


def years(count: int, accounts: int = 1) -> Truth:
    """So many years of 365 days until now, with an invoice a month."""
    return Truth(accounts, TODAY_MS - count * 365 * DAY_MS, NOW_MS + HOUR_MS, count * 12)


def one_account(case: str, server: Server, runs: int, who: Sequence[str], targets: dict[str, str]) -> list[Line]:
    """`aig-billing load` and contenders in turn, each run on nothing."""
    lines = {name: Line(case, name) for name in ("aig-billing load", *who)}
    for _ in range(runs):
        for name, line in lines.items():
            with folder() as path:
                line.runs.append(load(server, path) if name not in PEERS else peer(name, server, path))
    ours = lines["aig-billing load"]
    ours.against = {name: lines[name] for name in who}
    ours.target = ", ".join(f"≤ {limit} × {name}" for name, limit in targets.items())
    return list(lines.values())


def case_a(runs: int) -> list[Line]:
    """Three years of hours, no latency."""
    with serving(years(3)) as server:
        return one_account("a", server, runs, PEERS, {"official_sdk": "0.65", "idiomatic_dlt": "0.4"})


def case_b(runs: int) -> list[Line]:
    """One year of hours, each request takes 100 ms."""
    with serving(years(1), latency_ms=100) as server:
        return one_account("b", server, runs, PEERS, {"official_sdk": "0.25"})


def case_c(runs: int) -> list[Line]:
    """Twenty accounts of three years."""
    accounts = 20
    ours = Line("c", "aig-billing load", target="≤ 0.4 × 20 floors, below 300 MB")
    floors = Line("c", "20 floors")
    one_floor = Line("c", "floor, all in one process", against={"20 floors": floors})
    with serving(years(3, accounts)) as server:
        for _ in range(runs):
            with folder() as path:
                ours.runs.append(load(server, path))
            with folder() as path:
                one_floor.runs.append(peer("floor", server, path, range(accounts)))
            with folder() as path:
                costs = [peer("floor", server, path, [number]) for number in range(accounts)]
                floors.runs.append(sum(costs[1:], costs[0]))
    ours.against = {"20 floors": floors, "floor in one": one_floor}
    return [ours, one_floor, floors]


def case_d(runs: int) -> list[Line]:
    """A load that finds nothing new, with few invoices and with many, and dlt alone with seven resources of one row."""
    bare = Line("d", "bare_dlt")
    lines = [Line("d", f"aig-billing load, no-op, {count:,} invoices") for count in (60, 10_000)]
    script = str(HERE / "contenders" / "bare_dlt.py")
    with ExitStack() as stack:
        places = [stack.enter_context(folder()) for _ in lines]
        servers = [stack.enter_context(serving(replace(years(3), invoices=count))) for count in (60, 10_000)]
        other = stack.enter_context(folder())
        process([sys.executable, script, "bare.duckdb"], other)
        for server, path in zip(servers, places, strict=True):
            load(server, path)
        for _ in range(2 * runs + 1):
            bare.runs.append(process([sys.executable, script, "bare.duckdb"], other))
            for line, server, path in zip(lines, servers, places, strict=True):
                line.runs.append(load(server, path))
    for line in lines:
        line.against, line.target = {"bare_dlt": bare}, "≤ 1.15 × bare_dlt; ≤ 8 requests"
    return [*lines, bare]


def case_e(runs: int) -> list[Line]:
    """What the commands that only read take to start."""
    imports = Line("e", "import duckdb, rich")
    floor = Line("e", "open_and_print", against={"imports": imports})
    script = str(HERE / "contenders" / "open_and_print.py")
    aig = str(BIN / "aig-billing")
    commands = {
        "aig-billing --help": [aig, "--help"],
        "aig-billing query": [aig, "query", "select 1 as one", "--database", "billing.duckdb"],
        "aig-billing status": [aig, "status", "--database", "billing.duckdb"],
    }
    lines = {name: Line("e", name, against={"imports": imports, "open_and_print": floor}) for name in commands}
    lines["aig-billing --help"].target = "below 0.3 s"
    for name in ("aig-billing query", "aig-billing status"):
        lines[name].target = "≤ 1.5 × imports"
    with serving(years(3)) as server, folder() as path:
        load(server, path)
        for _ in range(3 * runs):
            imports.runs.append(process([sys.executable, "-c", "import duckdb, rich"], path))
            floor.runs.append(process([sys.executable, script, "billing.duckdb"], path))
            for name, command in commands.items():
                lines[name].runs.append(process(command, path))
    return [*lines.values(), floor, imports]


def case_f(runs: int) -> list[Line]:
    """More and more accounts with one day each, into the file and into Postgres.

    That is left out without DESTINATION__POSTGRES__CREDENTIALS: a database that is emptied.
    """
    lines = []
    for destination in ("duckdb", "postgres")[: 2 if POSTGRES else 1]:
        tenth: Line | None = None
        for accounts in (10, 100, 1_000, 5_000):
            line = Line("f", f"aig-billing load into {destination}, {accounts:,} accounts")
            with serving(Truth(accounts, TODAY_MS, NOW_MS + HOUR_MS)) as server:
                for _ in range(1 if accounts >= 1_000 else runs):
                    with folder() as path:
                        line.runs.append(load(server, path) if destination == "duckdb" else load_postgres(server, path))
            if tenth:
                line.against, line.target = {"the line before": tenth}, "not more than the accounts are"
            lines.append(tenth := line)
    return lines


def load_postgres(server: Server, path: Path) -> Cost:
    """The same load into an empty Postgres; the number of its rows is compared with what the server holds."""
    aig, names = str(BIN / "aig-billing"), {"DESTINATION__POSTGRES__CREDENTIALS": str(POSTGRES)}
    run(["psql", "-q", str(POSTGRES), "-c", EMPTY], check=True, stdout=DEVNULL, stderr=DEVNULL)
    start = f"{datetime.fromtimestamp(server.truth.start_ms / 1000, UTC):%Y-%m-%d}"
    server.requests()
    command = [*LOAD, "--base-url", server.base_url, "--start", start, "--destination", "postgres"]
    cost = process(command, path, CLOUDFLARE_ACCOUNT_ID="all", **names)._replace(requests=server.requests())
    count = "select count(distinct account_id) as accounts from ai_gateway_billing.usage_hourly"
    process([aig, "query", "--destination", "postgres", "--csv", count], path, **names)
    found = (path / "stdout").read_text().split()[1]
    if int(found) != server.truth.accounts:
        raise RuntimeError(f"{found} of {server.truth.accounts} accounts are in Postgres")
    return cost


def case_g(runs: int) -> list[Line]:
    """Long histories: ten times as many hours or invoices, and all of it again over what is there."""
    ten = {"target": "≤ 10 × a tenth"}
    hours = [Line("g", "aig-billing load, 1 year"), Line("g", "aig-billing load, 10 years", **ten)]
    again = Line("g", "aig-billing load --full-refresh, 10 years", against={"10 years": hours[1]})
    for line, count in zip(hours, (1, 10), strict=True):
        with serving(replace(years(count), invoices=12)) as server, folder() as path:
            line.runs.append(load(server, path))
            if count == 10:
                again.runs.append(load(server, path, "--full-refresh"))
    invoices = [Line("g", "aig-billing load, 1,000 invoices"), Line("g", "aig-billing load, 10,000 invoices", **ten)]
    for line, count in zip(invoices, (1_000, 10_000), strict=True):
        with serving(Truth(1, TODAY_MS, NOW_MS + HOUR_MS, count)) as server, folder() as path:
            line.runs.append(load(server, path))
    for small, large in (hours, invoices):
        large.against = {"a tenth": small}
    return [*hours, again, *invoices]


CASES: dict[str, Callable[[int], list[Line]]] = {
    "a": case_a,
    "b": case_b,
    "c": case_c,
    "d": case_d,
    "e": case_e,
    "f": case_f,
    "g": case_g,
}
HEAD = ["case", "what", "wall", "CPU", "peak memory", "written", "file", "requests", "ratio (wall, CPU)", "target"]


def markdown(lines: Sequence[Line]) -> str:
    """The table."""
    rows = [HEAD, ["---", "---", *["---:"] * 6, "---", "---"], *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default=",".join(CASES), help="which, comma-separated [%(default)s]")
    parser.add_argument("--runs", type=int, default=5, help="runs of each; the median counts [%(default)s]")
    given = parser.parse_args()
    lines: list[Line] = []
    for name in given.cases.split(","):
        sys.stderr.write(f"({name}) {CASES[name].__doc__}\n")
        found = CASES[name](given.runs)
        sys.stderr.write("".join(f"    {' | '.join(line.cells()[1:])}\n" for line in found))
        lines += found
    told = "\n".join(f"- ({name}) {CASES[name].__doc__}" for name in given.cases.split(","))
    sys.stdout.write(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores\n\n{told}\n\n{markdown(lines)}\n")


if __name__ == "__main__":
    main()
