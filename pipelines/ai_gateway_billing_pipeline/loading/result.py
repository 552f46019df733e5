"""What one load came to: its verdict, its exit code, and the JSON object that machines read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ai_gateway_billing.errors import BillingError
from ai_gateway_billing.outcome import Outcome, Outcomes

Status = Literal["ok", "partial", "failed"]


def exit_code(outcomes: Outcomes) -> int:
    """0 done; 4 something failed and something was loaded; 3 refused everywhere; 6 nothing loaded for other reasons."""
    errors = outcomes.failures().values()
    if not errors:
        return 0
    return 4 if any(outcome.is_loaded for outcome in outcomes.of.values()) else nothing_loaded(errors)


def nothing_loaded(errors: Iterable[BillingError]) -> int:
    """The exit code of a load that loaded nothing at all because of these errors: then nothing is published either."""
    return 3 if {error.exit_code for error in errors} == {3} else 6


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a load."""

    outcomes: Outcomes
    accounts: Sequence[str]
    requests: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return exit_code(self.outcomes)

    @property
    def status(self) -> Status:
        """`ok`, `partial` when something was loaded beside failures, else `failed`."""
        return _status(self.outcomes.of.values())

    @property
    def worth_publishing(self) -> bool:
        """False when nothing was loaded at all: then the published file stays as it was."""
        return self.exit_code in (0, 4)

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        by_account: dict[str, dict[str, Outcome]] = {account_id: {} for account_id in self.accounts}
        for (account_id, resource), outcome in self.outcomes.of.items():
            by_account.setdefault(account_id, {})[resource] = outcome
        return {
            "status": self.status,
            "accounts": {account_id: _account(by_account[account_id]) for account_id in self.accounts},
            "rows": dict(self.outcomes.rows),
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
        }


def _status(outcomes: Iterable[Outcome]) -> Status:
    outcomes = list(outcomes)
    if not any(outcome.error for outcome in outcomes):
        return "ok"
    return "partial" if any(outcome.is_loaded for outcome in outcomes) else "failed"


def _account(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    errors = {resource: str(outcome.error) for resource, outcome in outcomes.items() if outcome.error}
    return {
        "status": _status(outcomes.values()),
        "error": next(iter(errors.values()), None),
        "errors": errors,
        "skipped": {resource: outcome.skipped for resource, outcome in outcomes.items() if outcome.skipped},
    }


def failed(error: BillingError, requests: int, seconds: float) -> dict[str, Any]:
    """The JSON object of a load that ended before it had read anything."""
    return {
        "status": "failed",
        "error": str(error),
        "accounts": {},
        "rows": {},
        "requests": requests,
        "seconds": round(seconds, 3),
    }
