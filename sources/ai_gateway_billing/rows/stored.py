"""What earlier loads left in the destination of the pipeline that is running."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.utils import get_validity_column_names
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from .invoices import STORED

_ACCOUNTS = "select distinct account_id from {table} where has_surrogate_id"
_LISTED_AT = "select max(last_listed_at) from {table} where account_id = %s"
_VERSIONS = "select {columns} from {table}"
_INVOICES = "select {columns} from {table} where account_id = %s"


def accounts_without_ids() -> list[str]:
    """The accounts that have invoices without an id. To be called by the resource of the invoices, as the other one."""
    return [account_id for (account_id,) in _ask(_ACCOUNTS)]


def invoices(account_id: str) -> Sequence[Sequence[Any]]:
    """The account's invoices, by the columns `STORED`."""
    return _ask(_INVOICES, account_id)


def listed_at(account_id: str) -> datetime | None:
    """When the account's invoices were last listed."""
    return next((moment for (moment,) in _ask(_LISTED_AT, account_id)), None)


def newest_version() -> datetime | None:
    """When, by what is stored, a version of the resource that is read last began or ended."""
    columns = map(str, get_validity_column_names(dlt.current.resource().compute_table_schema()))
    newest = _ask(_VERSIONS, columns=[f"max({name})" for name in columns])
    found = [moment for row in newest for moment in row if moment]
    return max((each if each.tzinfo else each.replace(tzinfo=UTC) for each in found), default=None)


def _ask(query: str, *values: str, columns: Sequence[str] = STORED) -> Sequence[Sequence[Any]]:
    """Nothing when no pipeline runs, when its destination takes no SQL, or before the first load."""
    if not Container()[PipelineContext].is_active():
        return []
    try:
        with dlt.current.pipeline().sql_client() as client:
            table = client.make_qualified_table_name(str(dlt.current.resource().table_name))
            return client.execute_sql(query.format(table=table, columns=", ".join(columns)), *values) or []
    except (DatabaseUndefinedRelation, SqlClientNotAvailable):
        return []
