"""What there is to tell: what the checks find now, and what was told before. Reads only."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import duckdb

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing_pipeline.database import checks
from ai_gateway_billing_pipeline.database.checks import Finding

from . import stored

LOAD = "load"
"""What is found by a load itself, beside the checks: that it failed."""


class Survey(NamedTuple):
    """What is there now: findings, the checks that were run for them, names of accounts, and what was told so far."""

    found: Sequence[Finding]
    checks: Collection[str]
    names: Mapping[str, str]
    memory: stored.Memory

    @property
    def since(self) -> dict[str, datetime]:
        """When each finding was first seen by a command that tells somebody."""
        return {each.id: each.first_seen_at for each in self.memory.alerts.values() if each.gone_at is None}


NOTHING = Survey((), (), {}, stored.Memory({}, {}))


def survey(connection: duckdb.DuckDBPyConnection, now: datetime, limits: checks.Limits) -> Survey:
    """Run every check. The connection may be read-only."""
    found = list(checks.findings(connection, now, limits))
    return Survey(found, checks.CHECKS, checks.names(connection), stored.read(stored.Plain(connection)))


def failure(error: BillingError) -> Finding:
    """The finding that a load failed before it could write anything."""
    name = checks.id_of(LOAD, "", "")
    words = f"The load failed. {error}"
    return Finding(name, LOAD, "error", "", words, reached=("warning", "error", type(error).__name__))
