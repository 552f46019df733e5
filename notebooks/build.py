"""Builds each notebook from its script, with the outputs of the demo's account.

`python notebooks/build.py [DATABASE FOLDER]` writes them.
What a run alone decides (ids of cells, times, versions of the kernel) is left
out, so that building again changes nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
SCRIPTS = sorted(HERE.glob("0*.py"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(script: Path, database: Path) -> Any:
    """The script as a notebook, executed on that database. Raises `CellExecutionError` when a cell fails."""
    notebook = jupytext.read(script)
    notebook.metadata = nbformat.from_dict(METADATA)
    before = os.environ.get("AIG_BILLING_DATABASE")
    os.environ["AIG_BILLING_DATABASE"] = str(database)
    try:
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
        ).execute()
    finally:
        os.environ.pop("AIG_BILLING_DATABASE")
        if before is not None:
            os.environ["AIG_BILLING_DATABASE"] = before
    return settled(notebook)


def settled(notebook: Any) -> Any:
    """Without what differs from run to run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02}"
        cell.metadata = nbformat.from_dict({})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def text(notebook: Any) -> str:
    """The file's content."""
    return str(nbformat.writes(notebook, indent=1)) + "\n"


def main(database: Path | None = None, target: Path = HERE) -> None:
    """Build all of them, into that folder, on that database or the one of the demo's account."""
    sys.path.insert(0, str(HERE.parent / "tests"))
    from support import demo_history  # noqa: PLC0415 - it is beside the tests, which share it

    with demo_history.elsewhere() as folder:
        looked_at = database or demo_history.build(folder)
        for script in SCRIPTS:
            (target / script.with_suffix(".ipynb").name).write_text(text(run(script, looked_at)), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
