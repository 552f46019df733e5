"""What a load did and what it failed to do, account by account and resource by resource."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .errors import BillingError, RecordError

Status = Literal["ok", "failed", "skipped"]


class Quarantined(NamedTuple):
    """A raw item that could not be loaded: JSON text without secrets, and the reason."""

    account_id: str
    resource: str
    field: str
    reason: str
    payload: str


@dataclass(slots=True)
class Outcome:
    """How one resource of one account went. `skipped` gives the reason why there was nothing to load."""

    status: Status = "ok"
    error: BillingError | None = None
    skipped: str | None = None


class Progress(NamedTuple):
    """How many steps (windows or requests) of one account's resource are done, of those planned."""

    account_id: str
    resource: str
    done: int
    planned: int


@dataclass(slots=True)
class Report:
    """Collects outcomes while a source is read. Not thread-safe: only dlt's thread writes to it.

    `on_failure` is told account, resource and error of each that fails.
    """

    listener: Callable[[Progress], None] = lambda _: None
    on_failure: Callable[[str, str, BillingError], None] = lambda *_: None
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    quarantined: list[Quarantined] = field(default_factory=list)
    new_fields: dict[tuple[str, str], str] = field(default_factory=dict)
    steps: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def plan(self, account_id: str, resource: str, steps: int) -> None:
        """Announce how many steps a resource of an account will take."""
        self.steps[account_id, resource] = [0, steps]
        self.outcomes.setdefault((account_id, resource), Outcome())
        self.listener(Progress(account_id, resource, 0, steps))

    def step(self, account_id: str, resource: str) -> None:
        """One step is done."""
        steps = self.steps[account_id, resource]
        steps[0] += 1
        self.listener(Progress(account_id, resource, *steps))

    def fail(self, account_id: str, resource: str, error: BillingError) -> None:
        """The resource failed for this account; the first error is kept."""
        outcome = self.outcomes.setdefault((account_id, resource), Outcome())
        if outcome.status != "failed":
            outcome.status, outcome.error = "failed", error
            self.on_failure(account_id, resource, error)

    def skip(self, account_id: str, resource: str, reason: str) -> None:
        """There was nothing to load, which is no failure."""
        self.outcomes[account_id, resource] = Outcome("skipped", skipped=reason)

    def reject(self, account_id: str, error: RecordError, payload: str) -> None:
        """An item broke the contract: it is put aside, and its resource counts as failed."""
        self.quarantined.append(Quarantined(account_id, error.resource, error.field, error.reason, payload))

    def failures(self) -> dict[tuple[str, str], BillingError]:
        """Every failed account and resource with its error."""
        return {key: outcome.error for key, outcome in self.outcomes.items() if outcome.error is not None}

    def saw(self, table: str, fields: dict[str, Any]) -> None:
        """Unknown fields that arrived, with the type of the column each became."""
        for name, kind in fields.items():
            self.new_fields.setdefault((table, name), kind)
