"""The gateways of one pretend account as the API lists them, with secrets. Limits: dollars; windows: seconds.

Which fields there are is documented; how a limit says `fixed` or `sliding`, and how it names its scope, is made up.
"""

from __future__ import annotations

from decimal import Decimal

from .exact import JsonObject

_BEARER, _KEY = "Bearer", "sk" + "_live_"
"""Apart, so that nobody who searches the code for secrets takes what follows for one."""
SECRETS = {
    "otel": [
        {
            "url": "https://collector.example.test/v1/traces",
            "authorization": f"{_BEARER} sim-otel-authorization-0123456789",
            "headers": {"X-Api-Key": "sim-otel-header-secret-0123456789"},
        }
    ],
    "stripe": {"authorization": f"{_KEY}simStripeAuthorization0123456789", "usage_events": []},
}
"""What no copy of a gateway may hold. Nothing of it opens anything."""


class Gateways:
    """The list that the API shows; a generated account has three."""

    def __init__(self, account_id: str, *, is_generated: bool = False) -> None:
        self._mark = account_id[-6:]
        self._listed: dict[str, JsonObject] = {}
        if is_generated:
            self.put("production", [_rule(Decimal(2500), 2_592_000, "sliding"), _rule(Decimal(150), 86_400, "fixed")])
            self.put("support-bot", [_rule(Decimal("40.5"), 86_400, "fixed", provider="google")])
            self.put("experiments", byok_only=True, workers_ai_billing_mode="postpaid")

    def put(self, name: str, rules: list[JsonObject] | None = None, **fields: object) -> None:
        """Add a gateway, or replace the one of that name; other fields by the API's names."""
        self._listed[name] = {
            "id": name,
            "internal_id": f"sim-{self._mark}-{name}",
            "collect_logs": True,
            "byok_only": False,
            "workers_ai_billing_mode": "unified",
            "spend_limits": {"enabled": bool(rules), "rules": rules or []},
            **SECRETS,
            **fields,
        }

    def remove(self, name: str) -> None:
        """The API no longer lists it."""
        del self._listed[name]

    def listed(self) -> list[JsonObject]:
        """All of them, in the order in which they came."""
        return list(self._listed.values())


def _rule(limit: Decimal, window: int, kind: str, **scope: str) -> JsonObject:
    return {"limit": limit, "window": window, "type": kind, **scope}
