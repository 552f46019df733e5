"""Precision and recall of `spend.anomalies` over seeded histories. Prints them; fails nothing.

`python tests/benchmarks/anomalies.py [HISTORIES]`, 200 unless said.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import histories
from support.raw_tables import database


def main(count: int = 200) -> None:
    """Measure and tell."""
    found = [histories.history(seed) for seed in range(count)]
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as connection:
        histories.insert(connection, found)
        measured = histories.measure(connection, found)
    sys.stdout.write(
        f"{count} histories: {measured.found} of {measured.spikes} spikes found (recall {measured.recall:.1%}), "
        f"{measured.silent_found} of {measured.silent} silent days, {measured.false} false alarms "
        f"(precision {measured.precision:.1%}), {measured.launch_days} days in the week after a launch\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
