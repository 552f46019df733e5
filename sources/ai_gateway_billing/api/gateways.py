"""What may be kept of a gateway as the API lists it. All else may open something (`otel`, `stripe`) and ends here.

That limits are in dollars and windows in seconds is documented. How a limit names what it is for was not seen, so a
scope is looked for in the rule itself and in the objects inside it.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

_PLAIN: Final = (str, bool, int, Decimal, type(None))
_OWN: Final = ("id", "workers_ai_billing_mode", "byok_only", "collect_logs")
_SCOPES: Final = ("model", "provider")
_KINDS: Final = ("fixed", "sliding")


def kept(gateway: Mapping[str, Any]) -> dict[str, Any]:
    """The gateway with its fixed list of fields, and its limits as `spend_limit_rules`."""
    own = {name: gateway[name] for name in _OWN if isinstance(gateway.get(name, ()), _PLAIN)}
    limits = gateway.get("spend_limits")
    rules = limits.get("rules") if isinstance(limits, dict) else None
    listed = rules if isinstance(rules, list) else []
    return own | {"spend_limit_rules": [_rule(rule) for rule in listed if isinstance(rule, dict)]}


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    found = [*_fields(rule)]
    sizes = {name: rule[name] for name in ("limit", "window") if isinstance(rule.get(name, ()), _PLAIN)}
    kinds = [value for _, value in found if value in _KINDS]
    scopes = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in found
        if name in _SCOPES and isinstance(value, (str, list)) and value
    }
    is_narrowed = any(name.startswith("metadata") and bool(value) for name, value in found)
    return {**sizes, "kind": kinds[0] if kinds else None, **scopes, "has_metadata_scope": is_narrowed}


def _fields(rule: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Its fields, and those of the objects right inside it."""
    for name, value in rule.items():
        yield name, value
        if isinstance(value, dict):
            yield from value.items()
