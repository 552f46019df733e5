"""What earlier loads left in the destination of the pipeline that is running."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

import dlt
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import SqlClientNotAvailable
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.utils import get_validity_column_names
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from .invoices import STORED

_ACCOUNTS = "select distinct account_id from {table} where has_surrogate_id"
_LISTED = "select account_id, last_listed_at, count(*) from {table} group by account_id, last_listed_at"
_VERSIONS = "select {columns} from {table}"
_OPEN = "select account_id, _dlt_id from {table} where {columns} is null"
_INVOICES = "select {columns} from {table} where account_id = %s"


def accounts_without_ids() -> list[str]:
    """The accounts that have invoices without an id. To be called by the resource of the invoices, as the other one."""
    return [account_id for (account_id,) in _ask(_ACCOUNTS)]


def invoices(account_id: str) -> Sequence[Sequence[Any]]:
    """The account's invoices, by the columns `STORED`."""
    return _ask(_INVOICES, account_id)


class Listed(NamedTuple):
    """The last whole list of an account's invoices: when it was read, and how many it held."""

    at: datetime
    invoices: int


def listed() -> dict[str, Listed]:
    """The last whole list of each account."""
    by_age = sorted((_utc(moment), account_id, count) for account_id, moment, count in _ask(_LISTED))
    return {account_id: Listed(moment, count) for moment, account_id, count in by_age}


def open_versions() -> dict[str, str]:
    """The id of each account's current version, of the resource that is read."""
    found = _ask(_OPEN, columns=_validity()[1:])
    return {str(account_id): str(name) for account_id, name in found}


def newest_version() -> datetime | None:
    """When, by what is stored, a version of the resource that is read last began or ended."""
    newest = _ask(_VERSIONS, columns=[f"max({name})" for name in _validity()])
    return max((_utc(moment) for row in newest for moment in row if moment), default=None)


def _validity() -> tuple[str, str]:
    since, until = get_validity_column_names(dlt.current.resource().compute_table_schema())
    return str(since), str(until)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def rows(columns: Sequence[str]) -> Sequence[Sequence[Any]]:
    """Everything in the table of the resource that is read, by these columns."""
    return _ask(_VERSIONS, columns=columns)


def _ask(query: str, *values: str, columns: Sequence[str] = STORED) -> Sequence[Sequence[Any]]:
    """Nothing when no pipeline runs, when its destination takes no SQL, or before the first load."""
    context = Container()[PipelineContext]
    if not context.is_active():
        return []
    running = cast(dlt.Pipeline, context.pipeline())  # `dlt.current.pipeline` looks for all its settings each time
    try:
        with _client(running, running.destination, running.dataset_name) as client:
            table = client.make_qualified_table_name(str(dlt.current.resource().table_name))
            return client.execute_sql(query.format(table=table, columns=", ".join(columns)), *values) or []
    except (DatabaseUndefinedRelation, SqlClientNotAvailable):
        return []


@lru_cache(maxsize=1)
def _client(running: dlt.Pipeline, *_: object) -> SqlClientBase[Any]:
    """One for all questions of a run: dlt resolves its settings whenever it makes one, which takes most of the time."""
    return running.sql_client()
