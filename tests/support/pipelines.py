"""Pipelines of dlt as a test needs them: all they keep is in the test's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt


def pipeline(folder: Path, destination: Any = None, name: str = "billing") -> dlt.Pipeline:
    """One that loads into `<name>.duckdb` unless another destination is given."""
    return dlt.pipeline(
        name,
        destination=destination or dlt.destinations.duckdb(str(folder / f"{name}.duckdb")),
        dataset_name="ai_gateway_billing",
        pipelines_dir=str(folder / "pipelines"),
    )
