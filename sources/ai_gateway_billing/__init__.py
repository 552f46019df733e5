"""Cloudflare AI Gateway billing as a dlt source."""

from typing import TYPE_CHECKING, Any

from .errors import (
    ApiError,
    AuthenticationError,
    BillingError,
    BillingPermissionError,
    RateLimitedError,
    RecordError,
    SettingsError,
    UnreachableError,
)

if TYPE_CHECKING:
    from .source import ai_gateway_billing

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BillingError",
    "BillingPermissionError",
    "RateLimitedError",
    "RecordError",
    "SettingsError",
    "UnreachableError",
    "ai_gateway_billing",
]


def __getattr__(name: str) -> Any:
    # Readers of the database import this package too and should not pay for dlt.
    if name == "ai_gateway_billing":
        from .source import ai_gateway_billing  # noqa: PLC0415  # see above

        return ai_gateway_billing
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
