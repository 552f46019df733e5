"""`aig-billing load` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_no_load_imports_pandas_where_it_is_installed(tmp_path: Path) -> None:
    """Arrow imports it to look whether a list is one of its own: a quarter of a second for nothing."""
    (tmp_path / "pandas.py").write_text("raise AssertionError('pandas was imported')")

    ran = subprocess.run(
        [sys.executable, "-m", "ai_gateway_billing_pipeline", "load", "--demo", "--start", "2026-11-20"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )

    assert ran.returncode == 0, ran.stderr
