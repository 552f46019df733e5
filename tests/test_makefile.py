"""Every target of the Makefile works again and again, on any machine, whatever stands beside it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.constants import ROOT
from support.project import LOCKS, files, make, text

MAKEFILE = text(ROOT / "Makefile")
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
PHONY = re.findall(r"[a-z-]+", re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)[1])  # type: ignore[index]


def planned(folder: Path, target: str) -> str:
    """What make would do, or says."""
    shutil.copy(ROOT / "Makefile", folder)
    done = make("-n", target, cwd=folder)
    return done.stdout + done.stderr


def test_every_target_is_declared_to_be_no_file() -> None:
    assert sorted(PHONY) == sorted(TARGETS)
    assert len(TARGETS) == len(set(TARGETS)) > 15


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_of_its_name_does_not_keep_a_target_from_its_work(target: str, tmp_path: Path) -> None:
    for name in ("requirements", ".venv", "build", "build/bench", target):
        (tmp_path / name).mkdir(exist_ok=True)
    for lock in LOCKS:
        (tmp_path / "requirements" / lock.name).touch()
    (tmp_path / "pyproject.toml").touch()

    said = planned(tmp_path, target)

    assert "up to date" not in said
    assert "Nothing to be done" not in said
    assert "No rule" not in said


def test_every_target_says_what_it_does(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    listed = make(cwd=tmp_path)

    assert {line.split()[1] for line in listed.stdout.splitlines()} == set(TARGETS)


# --- which tests run -------------------------------------------------------------------------------------------------

OF_EACH_MARK = """
import pytest

def test_quick(): ...

@pytest.mark.thorough
def test_thorough(): ...

@pytest.mark.slow
def test_slow(): ...

@pytest.mark.stores
def test_store(): ...

@pytest.mark.stores
@pytest.mark.slow
def test_slow_store(): ...
"""
CI = text(ROOT / ".ci" / "run")
OTHER_STORES = "other stores"


def of_pytest(target: str) -> list[str]:
    """The words of the command by which a target, or CI's step with other stores, runs pytest."""
    commands = CI if target == OTHER_STORES else make("-n", target).stdout
    (words,) = re.findall(rf"-m pytest (.*{'-m stores' if target == OTHER_STORES else ''}.*)", commands)
    return shlex.split(words)


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("test", {"test_quick"}),
        ("test-all", {"test_quick", "test_thorough"}),
        ("slow", {"test_slow", "test_slow_store"}),
        (OTHER_STORES, {"test_store", "test_slow_store"}),
    ],
)
def test_a_target_runs_the_tests_of_its_marks(target: str, names: set[str], tmp_path: Path) -> None:
    (tmp_path / "test_marks.py").write_text(OF_EACH_MARK)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  thorough\n  slow\n  stores\n")
    words = of_pytest(target)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", words[words.index("-m") + 1]]
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=False)

    assert set(re.findall(r"::(test_\w+)", done.stdout)) == names, done.stderr


def test_ci_runs_the_thorough_tests_and_those_that_make_leaves_out() -> None:
    (options,) = re.findall(r'^step "tests" && make test-all ARGS="(.*)"$', CI, re.MULTILINE)

    assert all(option.startswith("--cov") for option in options.split()), "nothing that picks some of the tests"
    for words in (of_pytest("test-all"), of_pytest(OTHER_STORES)):
        assert not {word for word in words if word in ("-k", "--deselect") or word.startswith("--ignore")}


@pytest.mark.parametrize(("told", "cache"), [("", "None"), ("1", str(ROOT / ".venv" / "compiled"))])
def test_processes_of_the_tests_compile_once_also_where_python_is_told_to_keep_nothing(
    told: str, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", told)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    (settings,) = re.findall(r"^(.*)\.venv/bin/python -m pytest", make("-n", "test").stdout, re.MULTILINE)
    code = "import sys; print(sys.dont_write_bytecode, sys.pycache_prefix)"

    done = subprocess.run(
        f"{settings} '{sys.executable}' -c '{code}'", shell=True, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == f"False {cache}\n"


def test_ci_looks_for_tests_of_other_stores_wherever_there_are_any() -> None:
    (search,) = re.findall(r"-m stores \$\((.*)\)$", CI, re.MULTILINE)
    marked = {
        str(path.relative_to(ROOT)) for path in files() if path.match("test_*.py") and "mark.stores" in text(path)
    }

    found = subprocess.run(shlex.split(search), cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

    assert {*found} == marked
    assert len(marked) > 10


# --- the environment -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with its environment, in a folder whose name is as hard as names get."""
    folder = tmp_path / "My [new] c++ clone (é)"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=folder, check=True)
    (folder / ".venv" / ".python").touch()
    return folder


def is_made_anew(folder: Path) -> bool:
    return "-m venv --clear .venv" in planned(folder, ".venv/.python")


def test_an_environment_is_made_once(folder: Path) -> None:
    assert not is_made_anew(folder)


def test_an_environment_that_was_moved_is_made_anew(folder: Path) -> None:
    """Its commands would not start."""
    moved = folder.rename(folder.with_name("elsewhere"))

    assert is_made_anew(moved)


def test_an_environment_that_was_copied_is_made_anew(folder: Path) -> None:
    """Its commands would run the code of the first one."""
    copied = Path(shutil.copytree(folder, folder.with_name("copy"), symlinks=True))

    assert is_made_anew(copied)
    assert not is_made_anew(folder)


def test_an_environment_whose_python_is_gone_is_made_anew(folder: Path) -> None:
    """As after an upgrade of the system."""
    for python in (folder / ".venv" / "bin").glob("python*"):
        python.unlink()
        python.symlink_to("/nowhere/python")

    assert is_made_anew(folder)


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    old = tmp_path / "old-python"
    pretend = "import sys; sys.version_info = (3, 8); exec(sys.argv[1])"
    old.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{pretend}' \"$2\"\n")
    old.chmod(0o755)

    done = make(".venv/.python", f"PYTHON={old}", cwd=tmp_path)

    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert "is 3.8" in done.stderr
    assert not (tmp_path / ".venv").exists()
