"""What dlt does with rows that only mark what is gone, and how it dates versions."""

from contextlib import suppress
from datetime import timedelta

import dlt
from dlt.common.destination.exceptions import DestinationCapabilitiesException
from dlt.common.destination.utils import resolve_merge_strategy
from dlt.common.schema.typing import TScd2StrategyDict, TTableSchema
from dlt.common.storages.exceptions import CurrentLoadPackageStateNotAvailable
from dlt.common.time import ensure_pendulum_datetime
from dlt.extract.exceptions import CurrentSourceNotAvailable

from ai_gateway_billing.rows import stored
from ai_gateway_billing.rows.fields import Columns
from ai_gateway_billing.rows.tables import TABLES, below

from .extraction import Extraction

_LATER = timedelta(milliseconds=1)
"""Longer than any destination rounds a time."""

# A version of an account ends when the account's new answer differs (rows/identity.py) or says that there is nothing
# (`withdrawn`).
# Accounts that were not read this time are out of scope, so a failed endpoint closes nothing.
VERSIONS: TScd2StrategyDict = {
    "disposition": "merge",
    "strategy": "scd2",
    "source_filter": "withdrawn IS NULL",
    "destination_scope": "account_id IN (SELECT account_id FROM {staging_table})",
}


def date_versions(run: Extraction) -> None:
    """Let dlt end and begin versions at the run's now, in place of this machine's, but later than any that is stored.

    Versions that share a package share this moment, so a later table may still move it on.
    """
    newest = stored.newest_version()
    moments = (run.versions_at, run.extent.now, newest and newest + _LATER)
    run.versions_at = max(moment for moment in moments if moment)
    with suppress(CurrentLoadPackageStateNotAvailable):
        dlt.current.load_package_state()["state"]["created_at"] = ensure_pendulum_datetime(run.versions_at)


def is_made(resource: str, columns: Columns) -> bool:
    """Whether the resource's table is there with these columns, and those below it, so that no empty one makes them."""
    try:
        schema = dlt.current.source_schema()
    except CurrentSourceNotAvailable:
        return False
    present = {name: set(schema.tables[name]["columns"]) for name in schema.data_table_names(seen_data_only=True)}
    wanted = {resource: columns} | {name: TABLES[name] for name in below(resource)}
    return all(set(each) <= present.get(name, set()) for name, each in wanted.items())


def markers_go() -> bool:
    """Whether dlt takes rows out again that only mark what is gone: as its users may set it, not every merge does."""
    try:
        resource, current = dlt.current.resource(), dlt.current.source_schema()
        table = resource.compute_table_schema()
        strategy = resolve_merge_strategy({**current.tables, str(table["name"]): table}, table)
    except (CurrentSourceNotAvailable, DestinationCapabilitiesException):
        return False
    return _takes_out(table, strategy)


def _takes_out(table: TTableSchema, strategy: str | None) -> bool:
    if strategy == "scd2":
        return table.get("x-merge-source-filter") == VERSIONS["source_filter"]
    return strategy == "delete-insert" and bool(table["columns"]["withdrawn"].get("hard_delete"))
