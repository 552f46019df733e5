"""What earlier loads left in the destination of the pipeline that is running."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.common.pipeline import PipelineContext
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from .invoices import STORED

_ACCOUNTS = "select distinct account_id from {table} where has_surrogate_id"
_LISTED_AT = "select max(last_listed_at) from {table} where account_id = %s"
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


def _ask(query: str, *values: str) -> Sequence[Sequence[Any]]:
    """Nothing when no pipeline runs, when its destination takes no SQL, or before the first load."""
    if not Container()[PipelineContext].is_active():
        return []
    try:
        with dlt.current.pipeline().sql_client() as client:
            table = client.make_qualified_table_name(str(dlt.current.resource().table_name))
            return client.execute_sql(query.format(table=table, columns=", ".join(STORED)), *values) or []
    except (DatabaseUndefinedRelation, SqlClientNotAvailable):
        return []
