"""Where readers find what a load wrote into a destination other than the DuckDB file, by the settings of the load."""

import tempfile
from dataclasses import replace
from typing import Any

import dlt

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows.tables import DATASET
from ai_gateway_billing_pipeline import settings
from ai_gateway_billing_pipeline.database import lake
from ai_gateway_billing_pipeline.settings import Remote, Store
from ai_gateway_billing_pipeline.terminal import logs

from . import destinations


def found(store: Store) -> Store:
    """The store with the address of its destination. Raises `SettingsError` for one that cannot be read here."""
    with destinations.opened(store.destination) as target, tempfile.TemporaryDirectory() as folder:
        if target is None:
            return store
        client = dlt.pipeline("read", pipelines_dir=folder, destination=target, dataset_name=DATASET)
        kind = target.destination_type.rpartition(".")[2]
        if kind not in _ADDRESSES:
            raise SettingsError(
                f"The destination {store.destination} cannot be read here. Those that can are duckdb, postgres and "
                "ducklake. Read its tables with its own tools."
            )
        address, secret = _ADDRESSES[kind](client.destination_client())
    logs.conceal(secret)
    return replace(store, remote=Remote(kind, address, secret, settings.usage_unit_set()))


def _of_postgres(client: Any) -> tuple[tuple[str, ...], str]:
    credentials = client.config.credentials
    return (credentials.to_native_representation(),), credentials.password or ""


def _of_ducklake(client: Any) -> tuple[tuple[str, ...], str]:
    """What attaches the lake to DuckDB, and never makes one."""
    statements = [each["sql"] for each in client.sql_client.attach_statements(alias=lake.CATALOG)]
    attach = statements.pop().removesuffix(")") + ", READ_ONLY)"
    return (*statements, attach), getattr(client.config.credentials.catalog, "password", None) or ""


_ADDRESSES = {"ducklake": _of_ducklake, "postgres": _of_postgres}
