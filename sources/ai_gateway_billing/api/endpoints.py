"""Every endpoint that is read: one row each, from which client, resources, doctor and tests follow.

https://developers.cloudflare.com/api/resources/ai_gateway_billing/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai_gateway_billing.errors import ApiError, NotFoundError

BASE_URL: Final = "https://api.cloudflare.com/client/v4"
PERMISSION: Final = "AI Gateway Read"
BUDGET: Final = (1200, 300.0)
"""Requests and seconds that Cloudflare grants a token."""
BURST: Final = (150, 1.0)
"""Of the 200 requests that Cloudflare grants an IP address in a second; the rest is for queries."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """How an endpoint says that there is nothing, which is no failure: any of these ways. `words`: what it means."""

    words: str
    not_found: bool = False
    null: bool = False
    empty: str = ""
    reason: tuple[int, str] | None = None

    def is_said_by(self, error: ApiError) -> bool:
        """Whether the refusal is that state. Products share codes, so words count too."""
        said = (error.reason or "").upper().replace(" ", "_")
        is_reason = self.reason is not None and error.code == self.reason[0] and self.reason[1] in said
        return is_reason or (self.not_found and isinstance(error, NotFoundError))

    def is_said_in(self, result: Mapping[str, Any] | None) -> bool:
        """Whether a good answer says so."""
        return result is None or (bool(self.empty) and result.get(self.empty) == [])


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A GET endpoint of an account. `resources`: what is made of it. `nothing`: None where something is always due."""

    name: str
    resources: tuple[str, ...]
    nothing: Nothing | None = None
    permission: str = PERMISSION
    folder: str = "ai-gateway/billing"

    @property
    def path(self) -> str:
        """Its path below the account's own."""
        return f"{self.folder}/{self.name}"


USAGE_HISTORY = Endpoint("usage-history", ("usage_hourly", "usage_daily"))
INVOICE_HISTORY = Endpoint("invoice-history", ("invoices",))
INVOICE_PREVIEW = Endpoint(
    "invoice-preview",
    ("invoice_preview",),
    Nothing("nothing to preview", not_found=True, null=True, empty="invoice_lines"),
)
CREDIT_BALANCE = Endpoint("credit-balance", ("credit_balance",))
TOPUP_CONFIG = Endpoint("topup/config", ("topup_config",))
SPENDING_LIMIT = Endpoint(
    "spending-limit",
    ("spending_limit",),
    Nothing("no manual top-up yet, so there is no spending limit", reason=(1000, "NO_MANUAL_TOPUP")),
)
GATEWAYS = Endpoint("gateways", ("gateways",), folder="ai-gateway")
"""Read with attribution alone: it has no part in billing."""

ENDPOINTS: Final = (
    USAGE_HISTORY,
    INVOICE_HISTORY,
    INVOICE_PREVIEW,
    CREDIT_BALANCE,
    TOPUP_CONFIG,
    SPENDING_LIMIT,
)

OF_RESOURCE: Final = {resource: endpoint for endpoint in ENDPOINTS for resource in endpoint.resources}
