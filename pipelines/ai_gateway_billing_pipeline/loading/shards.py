"""Shards: one of several writers into one destination, each a token with its accounts. What belongs to each of them.

All write the same tables. Each has a dlt pipeline of its own, and with it cursors, and a staging dataset of its own:
dlt gives a dataset one, where two loads at once would read each other's rows.
"""

import re

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.rows.tables import DATASET

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


def named(shard: str | None) -> str:
    """The shard in a sentence."""
    return f"shard {shard}" if shard else "the load without a shard"
