"""What must never stand in a file of this repository, and what the pinned requirements promise."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from support.clock import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))

# Each pattern is spelled so that it does not match its own line.
FORBIDDEN = {
    "a registry's host": r"pypi\.org|python[h]osted|npmjs\.(?:org|com)|registry\.npm|deb\.debian\.org",
    "a path of someone's machine": r"(?<![\w.])/(?:[h]ome|[r]oot|[U]sers|[w]ork)/|[A-Z]:\\[U]sers\\",
    "a bearer token": r"[B]earer [A-Za-z0-9_-]{30,}",
    "a Cloudflare token of the newer form": r"\b[c]f(?:ut|at|k)_[A-Za-z0-9]{30,}",
    "a token of another service": r"\b(?:[g]h[pousr]_[A-Za-z0-9]{30,}|[s]k_live_\w{10,}|[A]KIA[0-9A-Z]{16})",
    "a private key": r"-----[B]EGIN [A-Z ]*PRIVATE KEY",
    "a link that opens an invoice": r"invoice\.stripe\.com/i/acct_|pay\.stripe\.com/invoice/acct_",
}


def project_files() -> list[Path]:
    """What is tracked or about to be: a mistake is better found before the commit."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])

    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in project_files()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a registry's host", "--index-url https://py" + "pi.org/simple"),
        ("a path of someone's machine", "see /ho" + "me/kim/billing"),
        ("a bearer token", "authorization: Bea" + "rer " + "x" * 40),
        ("a link that opens an invoice", "https://invoice." + "stripe.com/i/acct_1/live"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, text: str) -> None:
    assert re.search(FORBIDDEN[what], text)


def test_secrets_and_databases_are_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    private = [".dlt/secrets.toml", "billing.duckdb", "billing.duckdb.load/work.duckdb", ".env"]

    ignored = subprocess.run(
        ["git", "check-ignore", *private], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.splitlines()

    assert ignored == private


def test_the_example_of_secrets_holds_no_value() -> None:
    example = tomllib.loads((ROOT / ".dlt/secrets.example.toml").read_text())

    assert example == {"sources": {"ai_gateway_billing": {"api_token": ""}}}


def test_dlt_sends_no_telemetry() -> None:
    config = tomllib.loads((ROOT / ".dlt/config.toml").read_text())

    assert config["runtime"]["dlthub_telemetry"] is False


def pins(lock: Path) -> dict[str, Requirement]:
    """Name to requirement; in a lock file each begins a line, and its hashes follow indented."""
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    requirements = [Requirement(line.removesuffix("\\")) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_names_versions_and_hashes_and_nothing_else(lock: Path) -> None:
    lines = [line.strip() for line in lock.read_text().splitlines() if not line.startswith("#")]

    strange = [
        line
        for line in lines
        if not re.fullmatch(r"(--hash=sha256:[0-9a-f]{64}|[\w.-]+==[\w.+!]+( ; [^@:/]+)?)( \\)?", line)
    ]
    unhashed = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if "==" in line and not following.startswith("--hash")
    ]

    assert strange == []
    assert unhashed == []


def test_lock_files_agree_with_each_other() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, requirement in pins(lock).items():
            versions.setdefault(name, set()).add(str(requirement.specifier))

    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("lock", "extra"),
    [
        ("runtime.txt", None),
        ("dev.txt", "dev"),
        ("dev.txt", "demo"),
        ("notebooks.txt", "notebooks"),
        ("notebooks.txt", "report"),
    ],
)
def test_lock_files_hold_what_the_project_asks_for(lock: str, extra: str | None) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["optional-dependencies"][extra] if extra else project["dependencies"]
    pinned = pins(ROOT / "requirements" / lock)

    for requirement in map(Requirement, asked):
        specifier = str(pinned[canonicalize_name(requirement.name)].specifier)
        version = Version(specifier.removeprefix("=="))
        assert requirement.specifier.contains(version), requirement
