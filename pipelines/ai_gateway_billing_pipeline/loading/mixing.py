"""Keeps the demo's simulated account and real ones out of each other's tables."""

from collections.abc import Sequence

from ai_gateway_billing.errors import SettingsError

from .sql import Sql, tables

DEMO_ACCOUNT_ID = "decafbad000000000000000000000001"
"""As the simulator has it, which no load but the demo imports."""

_SMALL = ("load_status", "usage_coverage", "credit_balance", "shard_accounts")
"""Each names every account that was loaded; of several, because tables get lost."""


def refuse(sql: Sql, named: str, account_ids: Sequence[str], is_demo: bool) -> None:
    """Raise `SettingsError` when loading these accounts would mix them with the demo's. `named`: where to.

    Whoever names the demo's account in a real load talks to a simulator of their own, which is welcome.
    """
    held: set[str] = set()
    for table in tables(sql) & set(_SMALL):
        query = f"select distinct account_id from ai_gateway_billing.{table}"  # noqa: S608  # our names
        held |= {account_id for (account_id,) in sql.execute(query)}
    refuse_accounts(held, named, account_ids, is_demo)


def refuse_accounts(held: set[str], named: object, account_ids: Sequence[str], is_demo: bool) -> None:
    """The same for what holds these accounts."""
    advice = "Choose another one with --database or --destination."
    if is_demo and held - {DEMO_ACCOUNT_ID}:
        raise SettingsError(f"{named} contains a real account, which the demo must not change. {advice}")
    if not is_demo and DEMO_ACCOUNT_ID in held and DEMO_ACCOUNT_ID not in account_ids:
        raise SettingsError(f"{named} contains the demo's simulated account. {advice}")
