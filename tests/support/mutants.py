"""Changes the code in one small way at a time, and tells which changes no test notices.

`python -m support.mutants COSMIC_RAY [--sample N] [--only usage,rows,loading,sql]`, or `make mutants`. cosmic-ray says
how Python can be changed; of the views each number is changed by one and each comparison by its edge. A change is made
in a copy of the tree, and tried by the tests that run the changed line, quickest first: coverage tells which those are.
`--seconds` says of how many. What they let pass is tried by whole loads, unless `--quick`. Annotations are left alone:
nothing runs them.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from importlib import import_module
from itertools import accumulate
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path
from typing import NamedTuple

from support.constants import ROOT

SOURCE, PROGRAM = "sources/ai_gateway_billing", "pipelines/ai_gateway_billing_pipeline"
LOADS = "tests/test_resources.py tests/loading/test_load.py"
WITHOUT_LOADS = (
    "access bookkeeping databases destinations files forget lakes locks mixing names notify pipelines places postgres "
    "published refusals remotes reported result shards sql store times"
)
# What is changed, the quick tests that have to notice, and whole loads for what they let pass.
PARTS = {
    "usage": (f"{SOURCE}/usage", "tests/usage tests/test_extraction.py", LOADS),
    "rows": (f"{SOURCE}/rows", "tests/rows tests/usage", LOADS),
    "loading": (
        f"{PROGRAM}/loading",
        " ".join(f"tests/loading/test_{each}.py" for each in WITHOUT_LOADS.split()),
        f"tests/loading {LOADS}",
    ),
    "sql": (
        f"{PROGRAM}/database/sql",
        "tests/database/test_views.py tests/database/test_checks.py tests/database/test_forecast.py",
        "tests/database",
    ),
}
EDGES = {"<=": "<", ">=": ">", "<": "<=", ">": ">="}
CHANGING = """
import json, pathlib, sys
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
for path, operator, occurrence, _ in json.load(sys.stdin):
    print(json.dumps(mutate_code(pathlib.Path(path).read_text("utf-8"), get_operator(operator)(), occurrence)))
"""
"""What cosmic-ray's own Python does: one process for all changes."""
OPTIONS = ["-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow"]
SPARE_S, LOADS_S = 60, 1800


class Change(NamedTuple):
    """One change: where, what, the text of the file with it, and the tests that can notice."""

    path: str
    line: int
    what: str
    text: str
    tests: Sequence[str]


class Tests(NamedTuple):
    """The tests of a part, quickest first, and those of them that run a line of a file."""

    seconds: dict[str, float]
    of_line: dict[str, Mapping[int, Sequence[str]]]

    def of(self, path: str, line: int) -> list[str]:
        """Those that run the line; for one that only an import runs, those that run any line of the file."""
        lines = self.of_line.get(path, {})
        found = set(lines.get(line, ())) - {""} or {each for own in lines.values() for each in own} - {""}
        return sorted(found, key=lambda test: self.seconds.get(test, 0.0))

    def within(self, tests: Sequence[str], seconds: float) -> list[str]:
        """The first of them, as many as take so long together, and one at least."""
        ends = list(accumulate(self.seconds.get(test, 0.0) for test in tests))
        return [test for test, end in zip(tests, ends, strict=True) if end <= seconds or test == tests[0]]


def copy() -> Path:
    """The tracked files as they are now, apart, so that the tree is never seen changed; until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    Finalize(None, shutil.rmtree, [folder, True], exitpriority=0)
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


def measured(part: str, folder: Path) -> Tests:
    """Run the part's tests once: how long each takes, and what each runs. Their failure ends the run."""
    module, tests, _ = PARTS[part]
    command = [
        sys.executable,
        "-m",
        "pytest",
        *OPTIONS,
        "--durations=0",
        "-vv",
        f"--cov={module}",
        "--cov-context=test",
    ]
    settings = folder / "coverage.ini"
    settings.write_text("[run]\ndisable_warnings = dynamic-conflict\n")
    ran = subprocess.run(
        [*command, f"--cov-config={settings}", "--cov-report=", *tests.split()],
        cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        sys.exit(f"Without any change the tests of {part} fail:\n{ran.stdout[-3000:]}")
    lines = re.finditer(r"^([\d.]+)s (?:call|setup) +(tests/.+?)\s*$", ran.stdout, re.MULTILINE)
    seconds: dict[str, float] = {}
    for found in lines:
        seconds[found[2]] = seconds.get(found[2], 0.0) + float(found[1])
    return Tests(seconds, contexts(folder))


def contexts(folder: Path) -> dict[str, Mapping[int, Sequence[str]]]:
    """The tests by file and line."""
    from coverage import CoverageData

    data = CoverageData(str(folder / ".coverage"))
    data.read()
    found = {}
    for path in data.measured_files():
        by_line = {n: [each.rpartition("|")[0] for each in names] for n, names in data.contexts_by_lineno(path).items()}
        found[str(Path(path).relative_to(folder.resolve()))] = by_line
    return found


def python_changes(tool: Path, part: str, folder: Path, tests: Tests, sample: int) -> Iterator[Change]:
    """A sample of the changes that cosmic-ray knows of, the same at each run."""
    (folder / "mutants.toml").write_text(
        f'[cosmic-ray]\nmodule-path = ["{PARTS[part][0]}"]\ntimeout = 60.0\nexcluded-modules = []\n'
        'test-command = "true"\n[cosmic-ray.distributor]\nname = "local"\n'
    )
    run = partial(subprocess.run, cwd=folder, check=True, env=environment(folder))
    run([str(tool), "init", "mutants.toml", "mutants.sqlite"])
    with sqlite3.connect(folder / "mutants.sqlite") as connection:
        rows = connection.execute(
            "select module_path, operator_name, occurrence, start_pos_row from mutation_specs "
            "order by module_path, operator_name, occurrence"
        ).fetchall()
    known = [row for row in rows if row[3] not in annotated(folder / row[0])]
    chosen = sorted(random.Random(1).sample(known, min(sample, len(known))))
    made = run(
        [str(tool.with_name("python")), "-c", CHANGING], input=json.dumps(chosen), capture_output=True, text=True
    )
    for (path, operator, occurrence, line), text in zip(chosen, map(json.loads, made.stdout.splitlines()), strict=True):
        yield Change(path, line, f"{operator.removeprefix('core/')} {occurrence}", text, tests.of(path, line))


@cache
def annotated(path: Path) -> set[int]:
    """The lines that hold nothing but annotations, such as those of a signature."""
    tree = ast.parse(path.read_text("utf-8"))
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            given = [*node.args.args, *node.args.kwonlyargs]
            found |= {line for each in given for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)}
            found |= set(range(node.lineno, node.body[0].lineno)) - {each.lineno for each in node.args.defaults}
        elif isinstance(node, ast.AnnAssign) and node.value is None:
            found.add(node.lineno)
    return found


def sql_changes(folder: Path, tests: Tests, sample: int) -> Iterator[Change]:
    """A sample of the changed thresholds of the views; a view's own tests come first."""
    places = [
        (path, *edit)
        for path in sorted(folder.glob(f"{PARTS['sql'][0]}/**/*.sql"))
        for edit in edits(path.read_text("utf-8"))
    ]
    for path, start, end, new in sorted(random.Random(1).sample(places, min(sample, len(places)))):
        text = path.read_text("utf-8")
        near = sorted(tests.seconds, key=lambda test: (path.stem not in test, tests.seconds[test]))
        what, line = f"{text[start:end]} -> {new}", text.count("\n", 0, start) + 1
        yield Change(str(path.relative_to(folder)), line, what, text[:start] + new + text[end:], near)


def edits(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and replacement of each number and comparison outside of comments and quotes."""
    blank = re.sub(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"", lambda found: " " * len(found[0]), text)
    for found in re.finditer(r"(?<![\w.$(,])\b\d+(?:\.\d+)?\b(?![\w,)])|(?<![<>=!-])[<>]=?(?![<>=])", blank):
        old = found[0]
        yield found.start(), found.end(), EDGES.get(old) or (f"{old}1" if "." in old else str(int(old) + 1))


# --- trying ---------------------------------------------------------------------------------------------------------


@cache
def own_copy() -> Path:
    """This worker's copy of the tree, after what all tests import: a test run of its own would take longer for that."""
    for name in ("dlt.destinations.impl.duckdb.duck", "httpx", "hypothesis", "pyarrow.parquet", "pytest", "typer"):
        import_module(name)
    return copy()


def noticed_by(change: Change, limit_s: float) -> str:
    """What notices the change: a test that fails, or, where none ends, the time. Empty when nothing does."""
    if not change.tests:
        return ""
    path = own_copy() / change.path
    before = path.read_text("utf-8")
    path.write_text(change.text, "utf-8")
    try:
        child = os.fork()
        if not child:
            os.setsid()
            os._exit(run_tests(own_copy(), change.tests))
        return ended(child, limit_s)
    finally:
        path.write_text(before, "utf-8")


def run_tests(folder: Path, tests: Sequence[str]) -> int:
    """In a child: nothing of the tree is imported yet but this module and what it needs."""
    import pytest

    for name in [name for name in sys.modules if name.partition(".")[0] == "support"]:
        del sys.modules[name]
    sys.path[:0] = environment(folder)["PYTHONPATH"].split(os.pathsep)
    sys.dont_write_bytecode = True
    os.environ.update(environment(folder))
    os.chdir(folder)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    quiet = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what this process had imported before
    return int(pytest.main(["-x", *quiet, *OPTIONS, *tests]))


def ended(child: int, limit_s: float) -> str:
    """As `noticed_by`; a child that takes too long is killed with all that it began."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "a test" if status else ""
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "the time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", type=Path)
    parser.add_argument("--sample", type=int, default=1_000_000, help="changes of each part [all]")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="without whole loads")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=1e6, help="of the tests that run the line, so many [all]")
    asked = parser.parse_args()

    for part in asked.only.split(","):
        folder = copy()
        tests = measured(part, folder)
        changes = list(
            sql_changes(folder, tests, asked.sample)
            if part == "sql"
            else python_changes(asked.tool.absolute(), part, folder, tests, asked.sample)
        )
        changes = [change._replace(tests=tests.within(change.tests, asked.seconds)) for change in changes]
        limits = [SPARE_S + 10 * sum(tests.seconds.get(test, 0.0) for test in change.tests) for change in changes]
        with ProcessPoolExecutor(asked.jobs, get_context("fork")) as pool:
            none = changes[0]._replace(text=(ROOT / changes[0].path).read_text("utf-8"))
            if pool.submit(noticed_by, none, LOADS_S).result():
                sys.exit(f"Tests of {part} fail without any change: nothing can be learned from them.")
            survivors = told(changes, pool.map(noticed_by, changes, limits))
            if survivors and not asked.quick:
                tell(f"{part}: whole loads try these {len(survivors)}")
                loads = [change._replace(tests=PARTS[part][2].split()) for change in survivors]
                survivors = told(loads, pool.map(noticed_by, loads, [LOADS_S] * len(loads)))
        tell(f"{part}: {len(changes)} changes, {len(survivors)} that no test noticed")


def told(changes: Sequence[Change], noticed: Iterable[str]) -> list[Change]:
    """Those that nothing noticed; each is told as soon as it is known."""
    survivors = []
    for change, by in zip(changes, noticed, strict=True):
        survivors += [] if by else [change]
        tell(f"  {change.path}:{change.line}: {change.what}: {by or 'NOTHING'}, of {len(change.tests)} tests")
    return survivors


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
