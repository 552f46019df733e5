"""Keeps the demo's simulated account and real ones out of each other's database."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID
from ai_gateway_billing_pipeline.database import read


def refuse(database: Path, published: Path, account_ids: Sequence[str], is_demo: bool) -> None:
    """Raise `SettingsError` when loading these accounts into the database would mix them with the demo's.

    Whoever names the demo's account in a real load talks to a simulator of their own, which is welcome.
    """
    if not database.exists():
        return
    with duckdb.connect(str(database)) as connection:
        held = read.accounts(connection)
    refuse_accounts(held, published, account_ids, is_demo)


def refuse_accounts(held: set[str], published: Path, account_ids: Sequence[str], is_demo: bool) -> None:
    """The same for a database that holds these accounts."""
    advice = "Choose another file with --database, or delete this one."
    if is_demo and held - {DEMO_ACCOUNT_ID}:
        raise SettingsError(f"{published} contains a real account, which the demo must not change. {advice}")
    if not is_demo and DEMO_ACCOUNT_ID in held and DEMO_ACCOUNT_ID not in account_ids:
        raise SettingsError(f"{published} contains the demo's simulated account. {advice}")
