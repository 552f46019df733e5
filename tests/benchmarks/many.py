"""What reading commands cost on many accounts, as CPU of whole processes beside `query "select 1"`. Fails nothing.

`python tests/benchmarks/many.py [ACCOUNTS]`: prints a table.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.many import many

COMMANDS = [["query", "select 1"], ["status"], ["status", "--json"], ["check"], ["check", "--json"]]
ROUNDS = 3


def cpu(*command: str) -> tuple[float, int]:
    """The least of a few runs in seconds, and how many bytes it printed."""
    best, printed = float("inf"), 0
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = [sys.executable, "-m", "ai_gateway_billing_pipeline", *command]
        printed = len(subprocess.run(run, check=False, capture_output=True).stdout)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best, printed


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as folder:
        database = str(many(Path(folder), count))
        base, _ = cpu(*COMMANDS[0], "--database", database)
        sys.stdout.write(f"{count} accounts{'CPU':>17}{'of the first':>14}{'printed':>12}" + "\n")
        for command in COMMANDS:
            seconds, printed = cpu(*command, "--database", database)
            sys.stdout.write(f"{' '.join(command):<20}{seconds:>8.2f} s{seconds / base:>13.1f}x{printed:>10} B" + "\n")


main()
