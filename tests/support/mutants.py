"""Changes the code in one small way at a time, and tells which changes no test notices. All of it takes hours.

`python -m support.mutants COSMIC_RAY [--sample N] [--only usage,rows,loading,sql]`, or `make mutants`. Python is
changed by cosmic-ray, the thresholds of the views here: each number by one, each comparison by its edge. The changes
are made in copies of the tree.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from support.constants import ROOT

SOURCE, PROGRAM = "sources/ai_gateway_billing", "pipelines/ai_gateway_billing_pipeline"
# What is changed, and the tests that have to notice: quick ones first, the whole way through a load after them.
PARTS = {
    "usage": (
        f"{SOURCE}/usage",
        "tests/usage tests/test_extraction.py",
        "tests/test_resources.py tests/loading/test_load.py",
    ),
    "rows": (f"{SOURCE}/rows", "tests/rows", "tests/test_resources.py tests/loading/test_load.py"),
    "loading": (
        f"{PROGRAM}/loading",
        "tests/loading/test_workspace.py tests/loading/test_result.py",
        "tests/loading tests/test_rules.py",
    ),
}
SQL = ("tests/database",)
EDGES = {"<=": "<", ">=": ">", "<": "<=", ">": ">="}
TIMEOUT_S = 600


class Change(NamedTuple):
    """One change, where it is, and whether a test noticed."""

    place: str
    what: str
    noticed: bool


def copy() -> Path:
    """The tracked files as they are now, apart, so that the tree is never seen changed."""
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The copy before the installed tree; no compiled file may outlive the change it was made from."""
    path = os.pathsep.join(str(folder / part) for part in ("sources", "pipelines", "tests"))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def pytest(tests: str) -> str:
    return f'{sys.executable} -m pytest -x -q -n 0 -p no:cacheprovider -m "not slow" {tests}'


def python_changes(tool: Path, part: str, sample: int, share: int, shares: int) -> Iterator[Change]:
    """The changes of one part of the code that fall to this worker."""
    module, *tests = PARTS[part]
    folder = copy()
    command = " && ".join(pytest(each) for each in tests)
    (folder / "mutants.toml").write_text(
        f'[cosmic-ray]\nmodule-path = ["{module}"]\ntimeout = {TIMEOUT_S}.0\nexcluded-modules = []\n'
        f'test-command = {json.dumps(f"sh -c {json.dumps(command)}")}\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    session = folder / "session.sqlite"
    run = [str(tool), "init", "mutants.toml", str(session)]
    subprocess.run(run, cwd=folder, check=True, env=environment(folder))
    keep(session, sample, share, shares)
    subprocess.run([str(tool), "exec", "mutants.toml", str(session)], cwd=folder, check=True, env=environment(folder))
    dump = subprocess.run([str(tool), "dump", str(session)], cwd=folder, check=True, capture_output=True, text=True)
    for line in dump.stdout.splitlines():
        item, result = json.loads(line)
        if result:
            (spec,) = item["mutations"]
            place = f"{spec['module_path']}:{spec['start_pos'][0]}"
            yield Change(place, f"{spec['operator_name']} {spec['occurrence']}", result["test_outcome"] != "survived")
    shutil.rmtree(folder)


def keep(session: Path, sample: int, share: int, shares: int) -> None:
    """Leave a sample in the session, the same at each run, and of that this worker's share."""
    with sqlite3.connect(session) as connection:
        jobs = sorted(job for (job,) in connection.execute("select job_id from mutation_specs order by module_path"))
        order = connection.execute("select job_id from mutation_specs order by module_path, operator_name, occurrence")
        jobs = [job for (job,) in order]
        chosen = sorted(random.Random(1).sample(range(len(jobs)), min(sample, len(jobs))))
        mine = {jobs[n] for n in chosen[share::shares]}
        for table in ("mutation_specs", "work_items"):
            connection.executemany(f"delete from {table} where job_id = ?", [(job,) for job in jobs if job not in mine])


def sql_changes(sample: int, share: int, shares: int) -> Iterator[Change]:
    """The changed thresholds of the views that fall to this worker."""
    folder = copy()
    places = [
        (path, *edit)
        for path in sorted(folder.glob(f"{PROGRAM}/database/sql/**/*.sql"))
        for edit in edits(path.read_text())
    ]
    for path, start, end, new in sorted(random.Random(1).sample(places, min(sample, len(places))))[share::shares]:
        text = path.read_text()
        path.write_text(text[:start] + new + text[end:])
        ran = subprocess.run(
            pytest(" ".join(SQL)), shell=True, cwd=folder, env=environment(folder), capture_output=True, check=False
        )
        path.write_text(text)
        line = text.count("\n", 0, start) + 1
        yield Change(f"{path.relative_to(folder)}:{line}", f"{text[start:end]} -> {new}", ran.returncode != 0)
    shutil.rmtree(folder)


def edits(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and replacement of each number and comparison outside of comments and quotes."""
    blank = re.sub(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"", lambda found: " " * len(found[0]), text)
    for found in re.finditer(r"(?<![\w.$(,])\b\d+(?:\.\d+)?\b(?![\w,)])|(?<![<>=!-])[<>]=?(?![<>=])", blank):
        old = found[0]
        yield found.start(), found.end(), EDGES.get(old) or (f"{old}1" if "." in old else str(int(old) + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", type=Path)
    parser.add_argument("--sample", type=int, default=1_000_000, help="changes of each part [all]")
    parser.add_argument("--only", default=",".join([*PARTS, "sql"]))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()

    for part in asked.only.split(","):
        with ThreadPoolExecutor(asked.jobs) as pool:
            running = [
                pool.submit(
                    lambda n, part=part: list(
                        sql_changes(asked.sample, n, asked.jobs)
                        if part == "sql"
                        else python_changes(asked.tool.absolute(), part, asked.sample, n, asked.jobs)
                    ),
                    n,
                )
                for n in range(asked.jobs)
            ]
            changes = [change for future in running for change in future.result()]
        survivors = [change for change in changes if not change.noticed]
        sys.stdout.write(f"{part}: {len(changes)} changes, {len(survivors)} that no test noticed\n")
        for change in sorted(survivors):
            sys.stdout.write(f"  {change.place}: {change.what}\n")


if __name__ == "__main__":
    main()
