"""Holds a database against the truth of the server; exits with 1 and a sentence at the first difference.

A process of its own, because the memory that the benchmark itself holds would count as that of what it starts.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
from truth import Truth

_OURS = {
    "hour": "select account_id, id, epoch_ms(start_time), epoch_ms(end_time), aggregated_value "
    "from ai_gateway_billing.usage_hourly",
    "day": "select account_id, id, epoch_ms(start_time), epoch_ms(end_time), aggregated_value "
    "from ai_gateway_billing.usage_daily",
}
_PEERS = (
    "select account_id, id, start_time::bigint, end_time::bigint, aggregated_value::decimal(38, 6) from usage_hourly"
)
_VERSIONED = ("invoice_preview", "credit_balance", "topup_config", "spending_limit")


def ours(database: Path, truth: Truth) -> None:
    """Every bucket of both groupings, exactly; every invoice; one version of each snapshot."""
    with duckdb.connect(str(database), read_only=True) as connection:
        for grouping, sql in _OURS.items():
            _same(connection, sql, truth, range(truth.accounts), grouping)
        _count(connection, "invoices", truth.accounts * truth.invoices)
        for table in _VERSIONED:
            _count(connection, table, truth.accounts)


def peers(database: Path, truth: Truth, accounts: Sequence[int]) -> None:
    """Every hour of some accounts, to the millionth of a cent that a float keeps."""
    with duckdb.connect(str(database), read_only=True) as connection:
        _same(connection, _PEERS, truth, accounts, "hour")


def _same(
    connection: duckdb.DuckDBPyConnection, sql: str, truth: Truth, accounts: Sequence[int], grouping: str
) -> None:
    ids = truth.account_ids
    rows = [(ids[number], *bucket) for number in accounts for bucket in truth.buckets(grouping, number)]
    account_id, name, start, end, millionths = zip(*rows, strict=True)
    columns = {"account_id": account_id, "id": name, "start_ms": start, "end_ms": end, "millionths": millionths}
    connection.register("truth", pa.table({name: list(column) for name, column in columns.items()}))
    told = "select account_id, id, start_ms, end_ms, millionths * 0.000001::decimal(38, 18) from truth"
    for left, right in ((sql, told), (told, sql)):
        odd = connection.execute(f"select * from (({left}) except all ({right})) limit 3").fetchall()
        if odd:
            sys.exit(f"{grouping}: only {'the table' if left is sql else 'the server'} has {odd}")


def _count(connection: duckdb.DuckDBPyConnection, table: str, due: int) -> None:
    found = connection.execute(f"select count(*) from ai_gateway_billing.{table}").fetchall()
    if found != [(due,)]:
        sys.exit(f"{table} has {found} rows, {due} are due")


if __name__ == "__main__":
    path, given, peers_accounts = json.loads(sys.argv[1])
    if peers_accounts is None:
        ours(Path(path), Truth(**given))
    else:
        peers(Path(path), Truth(**given), peers_accounts)
