"""Asks the official focus-validator about an export of the demo account: `make focus-validate`.

It is apart from the tests because it needs Python 3.12 and an environment of its own (requirements/focus.txt). Of
the validator 2.2.1 this is known, tried in November 2026:

- it carries the rules of FOCUS 1.2 and fetches newer ones, which an offline machine cannot; 1.3 adds two mandatory
  columns to the 21 of 1.2, and tests/test_focus.py looks after those;
- it finds its list of currencies only when it is started inside its own site-packages folder;
- it exits with 0 whatever it finds, so its JUnit report is read.

One failure is known to be false. InvoiceId must be null on charges without an invoice and must not be null on charges
with one; the rules C-004 and C-005 leave out the "on charges …", so that each filled value breaks one and each null the
other. That this is all is shown by asking about usage and purchases apart: then one rule fails, never their sum.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

LOCKS = Path(__file__).resolve().parents[2] / "requirements"
FILLED, EMPTY = "InvoiceId-C-004-C", "InvoiceId-C-005-C"
BOTH = frozenset({FILLED, EMPTY, "InvoiceId-C-003-C", "InvoiceId-C-000-O"})  # the last two sum up the first two
KNOWN = {
    "all.parquet": BOTH,
    "all.csv": BOTH,
    "usage.parquet": frozenset({EMPTY}),
    "purchases.parquet": frozenset({FILLED}),
}
BROKEN = "broken.parquet"
MUST_FAIL = frozenset({"ChargeCategory-C-003-M", "CostAndUsage-D-038-M"})
LEAST_CHECKS = 130  # of 578; the others are no static checks, or for columns that a provider need not have
NO_PYTHON = """\
focus-validator needs Python 3.12, and none was found (3.13 works too, but builds numpy from source).
Install it, or name it: make focus-validate FOCUS_PYTHON=/path/to/python3.12
"""


class Verdict(NamedTuple):
    """What the validator said of one file: how many checks it really made, and the names of those that failed."""

    checks: int
    failed: frozenset[str]


def verdict(report: Path) -> Verdict:
    """Read the validator's JUnit report."""
    checks, failed = 0, set()
    for case in ET.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        checks += 1
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add((case.get("name") or "").split(" ")[0])
    return Verdict(checks, frozenset(failed))


def surprises(name: str, found: Verdict) -> list[str]:
    """What is not as it should be: failures beyond the known one, and a validator that did not look."""
    if name == BROKEN:
        return [f"{rule} did not notice a file broken on purpose" for rule in sorted(MUST_FAIL - found.failed)]
    result = [f"{rule} failed" for rule in sorted(found.failed - KNOWN[name])]
    result += [f"{rule} is known to fail and did not: mend KNOWN" for rule in sorted(KNOWN[name] - found.failed)]
    if found.checks < LEAST_CHECKS:
        result.append(f"only {found.checks} checks were made")
    return result


def pythons(named: str | None) -> Iterator[str]:
    """Where a fitting Python may be, the best place first."""
    if named:
        yield named
        return
    yield sys.executable
    for version in ("3.12", "3.13"):
        yield f"python{version}"
        yield from map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))


def find_python(named: str | None) -> str:
    """A Python that focus-validator runs on. Ends the program when there is none."""
    ask = "import sys; sys.exit(sys.version_info[:2] not in ((3, 12), (3, 13)))"
    for candidate in pythons(named):
        try:
            if subprocess.run([candidate, "-c", ask], capture_output=True, check=False).returncode == 0:
                return candidate
        except OSError:
            continue
    sys.exit(NO_PYTHON)


def prepare(folder: Path, named: str | None) -> None:
    """Make the validator's environment, once for each state of its requirements."""
    stamp = folder / "requirements.sha256"
    pip, validator = LOCKS / "pip.txt", LOCKS / "focus.txt"
    wanted = hashlib.sha256(pip.read_bytes() + validator.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    python = find_python(named)
    sys.stdout.write(f"Setting up focus-validator in {folder} with {python} (once; takes a minute)\n")
    sys.stdout.flush()
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    install = [folder / "bin" / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
    for lock in (pip, validator):
        subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
    stamp.write_text(wanted)


def run(*command: str | Path) -> None:
    """Run a command that has to succeed; what it said matters only when it does not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")


def export(folder: Path, database: Path | None) -> None:
    """Put the files that are asked about into the folder. Without a database, the demo is loaded."""
    aig = Path(sys.executable).with_name("aig-billing")
    if database is None:
        database = folder / "billing.duckdb"
        run(aig, "load", "--demo", "--database", database)
    for name in ("all.parquet", "all.csv"):
        run(aig, "export", "focus", "--database", database, "--output", folder / name)
    parts = {
        "usage.parquet": "select * from charges where ChargeCategory = 'Usage'",
        "purchases.parquet": "select * from charges where ChargeCategory = 'Purchase'",
        BROKEN: "select * exclude (ProviderName) replace ('Top-up' as ChargeCategory) from charges",
    }
    with duckdb.connect() as connection:
        connection.execute(f"create view charges as from '{folder / 'all.parquet'}'")
        for name, query in parts.items():
            connection.execute(f"copy ({query}) to '{folder / name}'")


def ask(environment: Path, file: Path) -> Verdict:
    """Let the validator look at one file."""
    (home,) = (environment / "lib").glob("python3.*/site-packages")
    report = file.with_suffix(file.suffix + ".xml")
    command = [environment.absolute() / "bin" / "focus-validator", "--data-file", file]
    command += ["--validate-version", "1.2", "--block-download"]
    command += ["--output-type", "unittest", "--output-destination", report]
    ran = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    if ran.returncode or not report.exists():
        sys.exit(f"focus-validator did not run ({ran.returncode}):\n{ran.stderr[-2000:]}")
    return verdict(report)


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask about every file, print a line for each, and return the exit code."""
    parser = argparse.ArgumentParser(description="Ask focus-validator about an export.")
    parser.add_argument("--environment", type=Path, default=Path(".venv/focus"), help="where the validator lives")
    parser.add_argument("--python", help="the Python 3.12 to make it with")
    parser.add_argument("--database", type=Path, help="a loaded database instead of the demo")
    options = parser.parse_args(arguments)
    prepare(options.environment, options.python or None)
    found: list[str] = []
    with TemporaryDirectory() as place:
        folder = Path(place)
        export(folder, options.database)
        for name in (*KNOWN, BROKEN):
            said = ask(options.environment, folder / name)
            wrong = surprises(name, said)
            found += wrong
            failed = ", ".join(sorted(said.failed)) or "none"
            sys.stdout.write(f"{name}: {said.checks} checks, failed: {failed}\n")
            sys.stdout.writelines(f"  {line}\n" for line in wrong)
    agreed = "agrees, but for what is known to be its own mistake"
    sys.stdout.write(f"focus-validator {'disagrees' if found else agreed}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
