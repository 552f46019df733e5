"""What the lock files in `requirements/` promise: the same packages for everybody, whatever pip they have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from support.constants import ROOT
from support.project import LOCKS, files, make, pins, pyproject, text

APART = {"airflow.txt", "dagster.txt", "focus.txt", "lowest.txt"}  # environments of their own, with other versions
OPTIONAL = APART | {"bench.txt", "mutants.txt", "notebooks.txt"}  # need not be installed where the tests run

every = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)


@every
def test_a_lock_file_names_versions_and_hashes_and_nothing_else(lock: Path) -> None:
    lines = [line.strip() for line in text(lock).splitlines() if not line.startswith("#")]

    strange = [
        line
        for line in lines
        if not re.fullmatch(r"(--hash=sha256:[0-9a-f]{64}|[\w.-]+(\[[\w.,-]+\])?==[\w.+!]+( ; [^@:/]+)?)( \\)?", line)
    ]
    unhashed = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if "==" in line and not following.startswith("--hash")
    ]

    assert strange == []
    assert unhashed == []


def test_every_lock_file_is_in_the_folder_that_the_tests_look_at() -> None:
    locked = {path for path in files() if re.search(r"^\s+--hash=sha256:[0-9a-f]{64}", text(path), re.MULTILINE)}

    assert locked == set(LOCKS)


def test_make_lock_writes_every_lock_file_with_hashes_and_extras_and_no_address() -> None:
    commands = [line for line in make("-n", "lock").stdout.splitlines() if " pip compile " in line]
    flags = {"--generate-hashes", "--no-strip-extras", "--no-emit-index-url", "--universal"}

    assert sorted(command.split(" -o ")[1] for command in commands) == [f"requirements/{lock.name}" for lock in LOCKS]
    assert [command for command in commands if not flags <= set(command.split())] == []


def test_lock_files_agree_with_each_other() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        if lock.name not in APART:
            for pin in pins(text(lock)):
                versions.setdefault(f"{canonicalize_name(pin.name)} {pin.marker or ''}", set()).add(str(pin.specifier))

    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


# --- what the project asks for ---------------------------------------------------------------------------------------

ASKED = {
    "runtime.txt": ("dependencies", "notify"),
    "dev.txt": ("dependencies", "dev", "demo", "notify", "postgres", "ducklake"),
    "stores.txt": ("dependencies", "postgres", "ducklake"),
    "notebooks.txt": ("dependencies", "notebooks", "report"),
    "build.txt": ("build",),
    "pip.txt": ("pip",),
    "bench.txt": ("bench",),
    "airflow.txt": ("airflow",),
    "dagster.txt": ("dagster",),
    "focus.txt": ("focus",),
    "mutants.txt": ("mutants",),
    "lowest.txt": ("dependencies", "demo", "ducklake", "notebooks", "notify", "postgres", "report", "xlsx"),
}


@every
def test_a_lock_file_holds_what_the_project_asks_for(lock: Path) -> None:
    project, groups = pyproject()["project"], pyproject()["dependency-groups"]
    lists = {"dependencies": project["dependencies"], **project["optional-dependencies"], **groups}
    pinned = pins(text(lock))

    for requirement in (Requirement(line) for name in ASKED[lock.name] for line in lists[name]):
        found = [pin for pin in pinned if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
        assert found, requirement
        assert all(requirement.specifier.contains(version_of(pin)) for pin in found), requirement
        assert all(requirement.extras <= pin.extras for pin in found), requirement


def version_of(pin: Requirement) -> Version:
    return Version(str(pin.specifier).removeprefix("=="))


def test_the_lowest_versions_are_the_lower_bounds_themselves() -> None:
    """Of what users install, the extra `dev` alone left out: a bound that nobody tried may be one that fails."""
    project = pyproject()["project"]
    extras = [lines for extra, lines in project["optional-dependencies"].items() if extra != "dev"]
    pinned = {canonicalize_name(pin.name): version_of(pin) for pin in pins(text(ROOT / "requirements" / "lowest.txt"))}

    bounds = {
        canonicalize_name(requirement.name): [
            Version(each.version) for each in requirement.specifier if each.operator == ">="
        ]
        for requirement in map(Requirement, chain(project["dependencies"], *extras))
    }

    assert {name: [pinned.get(name)] for name in bounds} == bounds


# --- extras ----------------------------------------------------------------------------------------------------------
# A package that another one needs with an extra must be pinned with that extra. Without it an older pip looks for the
# newest release that has the extra, and ends as soon as that is not the pinned one.


def applicable(lock: str) -> dict[str, Requirement]:
    """The pins that count on this machine."""
    found = [pin for pin in pins(lock) if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): pin for pin in found}


def is_installed(pin: Requirement) -> bool:
    try:
        return Version(metadata.version(pin.name)) == version_of(pin)
    except metadata.PackageNotFoundError:
        return False


def needed(pin: Requirement) -> Iterator[Requirement]:
    """What an installed package needs here, with the extras that it is pinned with."""
    for requirement in map(Requirement, metadata.requires(pin.name) or []):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *pin.extras)):
            yield requirement


def missing_extras(lock: str) -> list[str]:
    """The needs with an extra that is not pinned, of all packages whose metadata is here to look at."""
    pinned = applicable(lock)
    return [
        f"{requirement} (from {pin.name})"
        for pin in filter(is_installed, pinned.values())
        for requirement in needed(pin)
        if not requirement.extras <= pinned[canonicalize_name(requirement.name)].extras
    ]


@every
def test_what_is_needed_with_an_extra_is_pinned_with_it(lock: Path) -> None:
    assert missing_extras(text(lock)) == []


@every
def test_the_packages_of_this_environment_are_the_pinned_ones(lock: Path) -> None:
    """Else the test above would look at little."""
    absent = [str(pin) for pin in applicable(text(lock)).values() if not is_installed(pin)]
    if absent and lock.name in OPTIONAL:
        pytest.skip("not all of it is installed here")

    assert absent == [], "run `make .venv/.dev`"


def test_a_lock_without_extras_is_noticed() -> None:
    stripped = re.sub(r"^([\w.-]+)\[[\w.,-]+\]==", r"\1==", text(ROOT / "requirements" / "dev.txt"), flags=re.MULTILINE)

    assert [line for line in missing_extras(stripped) if line.startswith("coverage[toml]")]


# --- pip itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [".venv/.dev", "build/bench/.sdk"])
def test_the_first_thing_an_environment_installs_is_the_pinned_pip(target: str) -> None:
    """With the pip that came with Python, which may be of any age; all the rest with the pinned one."""
    lines = make("-n", "--always-make", target).stdout.splitlines()
    (made,) = [number for number, line in enumerate(lines) if " -m venv " in line]
    installs = [line for line in lines if " -m pip install " in line]

    assert " -m pip install " not in "".join(lines[:made])
    assert installs[0].endswith("--require-hashes -r requirements/pip.txt")
    assert len(installs) > 2


def test_pip_is_pinned_alone() -> None:
    assert [pin.name for pin in pins(text(ROOT / "requirements" / "pip.txt"))] == ["pip"]


def test_the_image_installs_the_pinned_pip_first() -> None:
    installs = re.findall(r"pip install (.*)", text(ROOT / "deploy" / "Dockerfile"))

    assert "requirements/pip.txt" in installs[0]
