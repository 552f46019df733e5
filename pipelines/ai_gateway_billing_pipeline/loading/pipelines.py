"""The dlt pipeline of a shard: of a load, of orchestrators, and of whoever runs the source with dlt itself."""

from pathlib import Path
from typing import Any

import dlt

from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline.settings import FILE

from . import destinations, shards


def pipeline(shard: str | None = None, destination: str = "duckdb", **more: Any) -> dlt.Pipeline:
    """A pipeline with the names that `aig-billing load --shard … --destination …` uses: cursors, dataset, staging.

    `more` goes to `dlt.pipeline`. Credentials are found by dlt's own rules when it runs. Into `postgres` and `ducklake`
    a whole load is merged in one transaction. Nothing keeps two runs of one shard apart: that is the
    orchestrator's part, as long as it does not start `aig-billing load`, which holds a lock in the destination.

    Raises `SettingsError` for a name that cannot be, and for a destination that cannot hold what a load writes.
    """
    shards.checked(shard)
    target: Any = FILE if destination == FILE else destinations.able(destination, shard)
    return _named(shard, target, **more)


def into(target: Any, shard: str | None, folder: Path) -> dlt.Pipeline:
    """The pipeline of a load, which works in this folder."""
    return _named(shard, target, pipelines_dir=str(folder))


def _named(shard: str | None, target: Any, **more: Any) -> dlt.Pipeline:
    made: dlt.Pipeline = dlt.pipeline(shards.pipeline_name(shard), destination=target, dataset_name=DATASET, **more)
    return made
