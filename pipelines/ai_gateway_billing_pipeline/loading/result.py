"""What one load came to: its verdict, its exit code, and the JSON object that machines read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ai_gateway_billing.errors import BillingError, RateLimitedError, ServerError, UnreachableError
from ai_gateway_billing.outcome import Outcome, Report

Status = Literal["ok", "partial", "failed"]

_UNAVAILABLE = (UnreachableError, RateLimitedError, ServerError)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a load. `published` is false when nothing was written."""

    report: Report
    accounts: Sequence[str]
    requests: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 done, 3 refused everywhere, 6 not available anywhere, 4 for every other failure."""
        errors = list(self.report.failures().values())
        if not errors:
            return 0
        if len(errors) < len(self.report.outcomes):
            return 4
        if all(error.exit_code == 3 for error in errors):
            return 3
        return 6 if all(isinstance(error, _UNAVAILABLE) or error.exit_code == 3 for error in errors) else 4

    @property
    def status(self) -> Status:
        """`ok`, `partial` when something was loaded beside failures, else `failed`."""
        if self.exit_code == 0:
            return "ok"
        report = self.report
        loaded = len(report.failures()) < len(report.outcomes) or any(report.rows.values())
        return "partial" if self.exit_code == 4 and loaded else "failed"

    @property
    def worth_publishing(self) -> bool:
        """False when nothing could be read at all: then the published file stays as it was."""
        return self.exit_code in (0, 4)

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        outcomes: dict[str, dict[str, Outcome]] = {account_id: {} for account_id in self.accounts}
        for (account_id, resource), outcome in self.report.outcomes.items():
            outcomes.setdefault(account_id, {})[resource] = outcome
        return {
            "status": self.status,
            "accounts": {account_id: _account(outcomes[account_id]) for account_id in self.accounts},
            "rows": dict(self.report.rows),
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
        }


def _account(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    errors = {resource: str(outcome.error) for resource, outcome in outcomes.items() if outcome.error}
    status = "ok" if not errors else "failed" if len(errors) == len(outcomes) else "partial"
    return {
        "status": status,
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
