"""Shards: one of several writers into one destination, each a token with its accounts. What belongs to each of them.

All write the same tables. Each has a dlt pipeline of its own, and with it cursors, and a staging dataset of its own:
dlt gives a dataset one, where two loads at once would read each other's rows.
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows.tables import DATASET

from .sql import Sql, tables

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 32  # with what stands before it, a schema of Postgres may have 63 letters


def checked(shard: str | None) -> str | None:
    """The name as it is; None for the writer that has none. Raises `SettingsError` for what dlt would rewrite."""
    if not shard:
        return None
    if _NAME.fullmatch(shard) and len(shard) <= _LONGEST:
        return shard
    raise SettingsError(
        f"The shard {shard!r} cannot be a name. Use lower-case letters, digits and single underscores between them, "
        f"at most {_LONGEST}, with a letter first."
    )


def pipeline_name(shard: str | None) -> str:
    """The name under which dlt keeps the cursors."""
    return f"{DATASET}_{shard}" if shard else DATASET


def staging_dataset(shard: str | None) -> str:
    """The schema in which a load puts its rows before it merges them."""
    return f"{DATASET}_staging_{shard}" if shard else f"{DATASET}_staging"


def drop_staging(sql: Sql, shard: str | None) -> None:
    """Drop what the merges of a load read from."""
    sql.execute(f"drop schema if exists {staging_dataset(shard)} cascade")


def named(shard: str | None) -> str:
    """The shard in a sentence."""
    return f"shard {shard}" if shard else "the load without a shard"


# --- which account is whose -----------------------------------------------------------------------------------------

_AT_ONCE = 1000
_OWNERS = """
create table if not exists ai_gateway_billing.shard_accounts (account_id varchar, shard varchar, since timestamptz)
"""


def owners(sql: Sql) -> dict[str, str]:
    """The shard of each account that some load has claimed or loaded; "" for the load without a shard."""
    present = tables(sql)
    found = {}
    if "load_status" in present:
        rows = sql.execute("select distinct account_id from ai_gateway_billing.load_status")
        found = {account_id: "" for (account_id,) in rows}
    if "shard_accounts" in present:
        found |= dict(sql.execute("select account_id, shard from ai_gateway_billing.shard_accounts"))
    return found


def foreign(sql: Sql, shard: str | None, account_ids: Collection[str]) -> Mapping[str, str]:
    """Those of the accounts that are another shard's, with it."""
    known = owners(sql)
    return {each: known[each] for each in account_ids if known.get(each, shard or "") != (shard or "")}


def claim(sql: Sql, shard: str | None, account_ids: Collection[str], now: datetime, *, take_over: bool) -> list[str]:
    """Make the accounts this shard's. Returns those that were nobody's before.

    Raises `SettingsError` when one is another shard's, unless they are taken over. One writer may call it at a time.
    """
    others, known = foreign(sql, shard, account_ids), owners(sql)
    if others and not take_over:
        raise SettingsError(_refusal(others))
    sql.execute("create schema if not exists ai_gateway_billing")
    sql.execute(_OWNERS)
    release(sql, others)
    stored = {each for (each,) in sql.execute("select account_id from ai_gateway_billing.shard_accounts")}
    rows = [(each, shard or "", now) for each in account_ids if each not in stored]
    for part in (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)):
        places = ", ".join(["(%s, %s, %s)"] * len(part))
        query = f"insert into ai_gateway_billing.shard_accounts (account_id, shard, since) values {places}"  # noqa: S608
        sql.execute(query, *(value for row in part for value in row))
    return [each for each in account_ids if each not in known]


def release(sql: Sql, account_ids: Collection[str]) -> None:
    """Make accounts nobody's again: nothing was loaded of them."""
    for account_id in account_ids:
        sql.execute("delete from ai_gateway_billing.shard_accounts where account_id = %s", account_id)


def _refusal(others: Mapping[str, str]) -> str:
    account_id, owner = next(iter(others.items()))
    more = f" and {len(others) - 1} more accounts belong to other shards" if len(others) > 1 else ""
    return (
        f"Account {account_id} belongs to {named(owner)}{more}. Choose other accounts with --account, or move them to "
        "this shard with --take-over, which reads their whole history again."
    )
