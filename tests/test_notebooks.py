"""Notebooks run from top to bottom, on the demo's account and on accounts with next to nothing, and hold no secret."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from support.constants import ROOT

NOTEBOOKS = ROOT / "notebooks"
SCRIPTS = sorted(NOTEBOOKS.glob("0*.py"))
NEEDED = ("altair", "ipykernel", "jupytext", "nbclient", "vl_convert")

needs_extra = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED),
    reason="the extra `notebooks` is not installed: make .venv/.notebooks",
)
every = pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])


def build(what: str, folder: Path) -> None:
    from support.demo_history import built

    command = [sys.executable, NOTEBOOKS / "build.py", built(what), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def cells(path: Path) -> list[Any]:
    return list(json.loads(path.read_text("utf-8"))["cells"])


def without_pictures(path: Path) -> Any:
    """A picture's bytes hang on the fonts of a machine; what is drawn stands beside it in words."""
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = "a picture"
    return notebook


@pytest.mark.slow
@needs_extra
def test_building_again_changes_nothing(tmp_path: Path) -> None:
    build("demo", tmp_path)

    for script in SCRIPTS:
        name = f"{script.stem}.ipynb"
        assert without_pictures(tmp_path / name) == without_pictures(NOTEBOOKS / name), "run `make notebooks-build`"


@pytest.mark.slow
@needs_extra
@pytest.mark.parametrize("what", ["empty", "young"])
def test_an_account_with_next_to_nothing_gets_sentences(what: str, tmp_path: Path) -> None:
    build(what, tmp_path)

    outputs = [output for script in SCRIPTS for cell in cells(tmp_path / f"{script.stem}.ipynb")
               for output in cell.get("outputs", [])]  # fmt: skip
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert sum("text/markdown" in output.get("data", {}) for output in outputs) >= 2


@every
def test_the_notebook_is_what_its_script_says(name: str) -> None:
    script = (NOTEBOOKS / f"{name}.py").read_text()

    for cell in cells(NOTEBOOKS / f"{name}.ipynb"):
        source = "".join(cell["source"])
        shown = source if cell["cell_type"] == "code" else source.replace("\n", "\n# ").replace("# \n", "#\n")
        assert shown in script


@every
def test_it_begins_with_what_it_shows_and_needs(name: str) -> None:
    first = "".join(cells(NOTEBOOKS / f"{name}.ipynb")[0]["source"])

    assert "**Shows**" in first
    assert "**Needs**" in first
    assert "AIG_BILLING_DATABASE" in (NOTEBOOKS / f"{name}.py").read_text()


@every
def test_it_reads_the_views_alone(name: str) -> None:
    assert "ai_gateway_billing." not in (NOTEBOOKS / f"{name}.py").read_text()


@every
def test_its_outputs_tell_nothing_private(name: str) -> None:
    outputs = json.dumps([cell.get("outputs") for cell in cells(NOTEBOOKS / f"{name}.ipynb")])
    words = re.sub(r'"image/png": "[^"]*"', "", outputs)

    assert not re.search(r"/(?:tmp|home|root|Users|work)/|\\\\Users", words)
    assert set(re.findall(r"\b[0-9a-f]{32}\b", words)) <= {"decafbad000000000000000000000001"}
    assert not re.search(r"(?i)bearer|api.token|invoice\.stripe|last4|traceback", words)
    assert all(cell.get("metadata") == {} for cell in cells(NOTEBOOKS / f"{name}.ipynb"))
