"""Imports go one way. The contracts stand in pyproject.toml; here they are kept, and proved to bite."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from support.constants import ROOT

SOURCE = "ai_gateway_billing"
PROGRAM = "ai_gateway_billing_pipeline"
SIMULATOR = f"{SOURCE}.simulator"

# Where, which import too much, and a word of the contract that it breaks.
WRONG_IMPORTS = [
    (f"sources/{SOURCE}/usage/windows.py", f"import {SOURCE}.resources", "source is built in layers"),
    (f"sources/{SOURCE}/api/client.py", f"import {SOURCE}.rows.records", "source is built in layers"),
    (f"sources/{SOURCE}/rows/records.py", f"import {SOURCE}.api.client", "source is built in layers"),
    (f"sources/{SOURCE}/rows/records.py", "import dlt", "dlt source alone"),
    (f"sources/{SOURCE}/extraction.py", "import httpx", "client touches the network"),
    (f"sources/{SOURCE}/resources.py", "import duckdb", "no database"),
    (f"pipelines/{PROGRAM}/commands/load.py", f"import {SOURCE}.operations.sending", "can change an account"),
    (f"pipelines/{PROGRAM}/settings.py", f"import {PROGRAM}.loading.load", "program is built in layers"),
    (f"pipelines/{PROGRAM}/database/views.py", "import dlt", "only reads the database"),
    (f"pipelines/{PROGRAM}/database/read.py", "import dlt", "only reads the database"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the packages below `folder` against the project's contracts."""
    path = os.pathsep.join(str(folder / part) for part in ("sources", "pipelines"))
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", ROOT / "pyproject.toml"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
    )


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(SOURCE, PROGRAM, include_external_packages=True, cache_dir=None)


def test_the_contracts_are_kept() -> None:
    result = lint(ROOT)

    assert result.returncode == 0, result.stdout


def test_each_wrong_import_breaks_its_contract(tmp_path: Path) -> None:
    for part in ("sources", "pipelines"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file, statement, _ in WRONG_IMPORTS:
        with (tmp_path / file).open("a") as module:
            module.write(f"\n{statement}\n")

    result = lint(tmp_path)

    broken = [line for line in result.stdout.splitlines() if " BROKEN" in line]
    assert [contract for _, _, contract in WRONG_IMPORTS if not any(contract in line for line in broken)] == []


def test_the_simulator_shares_nothing_with_what_it_tests(graph: grimp.ImportGraph) -> None:
    """A wrong assumption about the API could otherwise agree with itself."""
    imported = {
        f"{module} imports {name}"
        for module in {SIMULATOR, *graph.find_descendants(SIMULATOR)}
        for name in graph.find_modules_directly_imported_by(module)
        if name.startswith(SOURCE) and not name.startswith(SIMULATOR)
    }

    assert imported == set()


def test_nothing_but_the_demo_needs_the_simulator(graph: grimp.ImportGraph) -> None:
    modules = {SOURCE, PROGRAM, *graph.find_descendants(SOURCE), *graph.find_descendants(PROGRAM)}

    importers = {
        module
        for module in modules - {SIMULATOR, *graph.find_descendants(SIMULATOR)}
        for name in graph.find_modules_directly_imported_by(module)
        if name.startswith(SIMULATOR)
    }

    assert importers == {f"{PROGRAM}.commands.demo", f"{PROGRAM}.commands.load"}


# --- the house of the tests ----------------------------------------------------------------------------------------

TESTS = ROOT / "tests"
CONSTANTS = TESTS / "support" / "constants.py"


def _parsed() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(TESTS.rglob("*.py")):
        yield str(path.relative_to(TESTS)), ast.parse(path.read_text("utf-8"))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def _assigned(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines itself."""
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    for target in targets:
        yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def test_no_test_takes_anything_from_another_test() -> None:
    """What two of them need lives in tests/support."""
    crossing = {
        f"{name} imports {imported}"
        for name, tree in _parsed()
        for imported in _imported(tree)
        if any(part.startswith("test_") for part in imported.split(".")[:2]) or imported.startswith("tests.")
    }

    assert crossing == set()


def test_what_all_tests_agree_on_is_written_once() -> None:
    shared = set(_assigned(ast.parse(CONSTANTS.read_text("utf-8"))))
    again = {f"{name} defines {each}" for name, tree in _parsed() for each in shared & set(_assigned(tree))}

    assert {"NOW", "TOKEN", "ACCOUNT", "OTHER"} <= shared
    assert {each for each in again if not each.startswith("support/constants.py ")} == set()


def _modules() -> Iterator[str]:
    """But for the simulator's, which is tested as what it pretends to be."""
    for package in (ROOT / "sources" / SOURCE, ROOT / "pipelines" / PROGRAM):
        for path in package.rglob("*.py"):
            name = path.relative_to(package).with_suffix("")
            if not path.stem.startswith("__") and name.parts[0] != "simulator":
                yield str(name)


def test_every_module_has_tests_of_its_name() -> None:
    untested = {
        name for name in _modules() if not (TESTS / Path(name).with_name(f"test_{Path(name).name}.py")).exists()
    }

    assert untested == set()


def test_the_picture_in_contributing_shows_every_folder_and_module_of_the_packages() -> None:
    picture = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("```")[1]
    shown = set(re.findall(r"(?<=  )(\w+(?:/|\.py))", picture))
    found = {
        f"{path.name}/" if path.is_dir() else path.name
        for package in (ROOT / "sources" / SOURCE, ROOT / "pipelines" / PROGRAM)
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert {name for name in found if not name.startswith("__")} == shown
