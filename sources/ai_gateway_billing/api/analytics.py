"""What Cloudflare's analytics estimate about an account's gateways, and the gateways themselves. Never the bill.

The dataset has one row for requests that share all dimensions asked for. Which fields it has differs by account and
time, so it is asked first. A row is counted minutes after its requests, sampled, and restated for days.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from ai_gateway_billing.errors import (
    ApiError,
    AuthenticationError,
    BillingPermissionError,
    RateLimitedError,
    UnreachableError,
)

from .endpoints import GATEWAYS
from .envelope import Origin, drifted, objects
from .gateways import kept
from .graphql import PATH, PERMISSIONS, Document, QueryWire
from .http import Wire
from .inputs import checked_account_id
from .pages import numbered

DATASET: Final = "aiGatewayRequestsAdaptiveGroups"
SUMS: Final = (
    *("cost", "tokensIn", "tokensOut", "cachedRequests", "erroredRequests", "cacheReadTokens", "cacheWriteTokens"),
)
DIMENSIONS: Final = ("datetimeHour", "gateway", "provider", "model", "wholesale", "metadataRaw")
_WORDS: Final = frozenset((*SUMS, *DIMENSIONS))
_PAGE_SIZE: Final = 10_000
_KEPT_S: Final = 31 * 86_400
_PER_PAGE: Final = 50
_LASTING: Final = (AuthenticationError, BillingPermissionError, RateLimitedError, UnreachableError)

_ACCOUNTS: Final = "viewer {{ accounts(filter: {{accountTag: $account}}) {{ {0} }} }}"
_SETTINGS: Final = Document(
    "query Settings($account: string!) { "
    + _ACCOUNTS.format(f"settings {{ {DATASET} {{ enabled availableFields maxDuration maxPageSize notOlderThan }} }}")
    + " }"
)
_TYPES: Final = Document(
    'query Types { sum: __type(name: "AccountAiGatewayRequestsAdaptiveGroupsSum") { fields { name } } '
    'dimensions: __type(name: "AccountAiGatewayRequestsAdaptiveGroupsDimensions") { fields { name } } }'
)


class Offer(NamedTuple):
    """What the dataset has for one account: the fields that we know, and how much one query may ask for.

    `page_size`: rows; `max_duration_s`: how wide its range of time may be; `kept_s`: how far it may reach back.
    """

    fields: Sequence[str]
    page_size: int = _PAGE_SIZE
    max_duration_s: int = _KEPT_S
    kept_s: int = _KEPT_S


class Analytics:
    """Reads the analytics of one token's accounts. Every method raises `ApiError` and its kin after retries."""

    def __init__(self, wire: Wire, queries: QueryWire, secret: str) -> None:
        self._wire = wire
        self._queries = queries
        self._secret = secret

    def offer(self, account_id: str) -> Offer:
        """What may be asked about this account. Where the settings do not tell, the schema's types do."""
        origin = self._origin(account_id)
        try:
            found = self._settings(origin)
        except _LASTING:
            raise
        except ApiError:
            found = None
        return found or self._types(origin)

    def groups(
        self, account_id: str, fields: Sequence[str], start: datetime, end: datetime, limit: int
    ) -> list[dict[str, Any]]:
        """Rows of `[start, end)` by the dimensions among these fields, at most `limit`: as many may be a part.

        Each has `count`, and `sum` and `dimensions` with the fields. No rows and no error is also what a token without
        the permission "AI Gateway Read" gets.
        """
        origin = self._origin(account_id)
        times = {"start": _text(start), "end": _text(end)}
        data = self._queries.ask(origin, document(fields, limit), {"account": checked_account_id(account_id), **times})
        node = _node(origin, data)
        return [] if node is None else objects(node.get(DATASET), origin, f"`{DATASET}`")

    def gateways(self, account_id: str) -> list[dict[str, Any]]:
        """All gateways, each with a few fields of its own; what else the API says of them holds secrets and ends here.

        Limits are in dollars, windows in seconds.
        """
        origin = Origin(GATEWAYS.path, checked_account_id(account_id), self._secret)
        found: dict[str, dict[str, Any]] = {}
        for _, answer in numbered(lambda page: self._wire.get(origin, {"page": page, "per_page": _PER_PAGE}), origin):
            rows = objects(answer.result, origin)
            before = len(found)
            found.update({str(row.get("id")): kept(row) for row in rows})
            if len(found) == before or len(rows) < _PER_PAGE:
                break
        return list(found.values())

    def _settings(self, origin: Origin) -> Offer | None:
        node = _node(origin, self._queries.ask(origin, _SETTINGS, {"account": str(origin.account_id)})) or {}
        told = (node.get("settings") or {}).get(DATASET)
        if not isinstance(told, dict):
            return None
        if told.get("enabled") is False:
            message = f"The analytics of account {origin.account_id} are switched off. The token needs {PERMISSIONS}."
            raise origin.error(BillingPermissionError, message, status=200)
        listed = told.get("availableFields")
        fields = known(listed if isinstance(listed, list) else ())
        sizes = [_positive(told.get(name)) for name in ("maxPageSize", "maxDuration", "notOlderThan")]
        defaults = (_PAGE_SIZE, _KEPT_S, _KEPT_S)
        page_size, span, age = (size or usual for size, usual in zip(sizes, defaults, strict=True))
        return Offer(fields, min(page_size, _PAGE_SIZE), span, age) if fields else None

    def _types(self, origin: Origin) -> Offer:
        data = self._queries.ask(origin, _TYPES, {})
        sums, dimensions = (_names(data.get(part)) for part in ("sum", "dimensions"))
        if not sums:
            raise drifted(origin, "neither its settings nor its types tell which fields there are")
        return Offer(known([*sums, *(dimensions or DIMENSIONS)]))

    def _origin(self, account_id: str) -> Origin:
        return Origin(PATH, checked_account_id(account_id), self._secret)


def document(fields: Sequence[str], limit: int) -> Document:
    """The query for these fields. Raises ValueError for one that is none of `SUMS` and `DIMENSIONS`."""
    if not set(fields) <= _WORDS:
        raise ValueError("an unknown field")
    sums = [name for name in fields if name in SUMS]
    dimensions = [name for name in fields if name in DIMENSIONS]
    parts = [
        "count",
        f"sum {{ {' '.join(sums)} }}" if sums else "",
        f"dimensions {{ {' '.join(dimensions)} }}" if dimensions else "",
    ]
    window = f"limit: {int(limit)}, filter: {{datetime_geq: $start, datetime_lt: $end}}"
    rows = f"{DATASET}({window}) {{ {' '.join(filter(None, parts))} }}"
    return Document(f"query GatewayUsage($account: string!, $start: Time!, $end: Time!) {{ {_ACCOUNTS.format(rows)} }}")


def known(paths: Sequence[object]) -> tuple[str, ...]:
    """The fields that we know among those offered, which come as `sum_cost`, `dimensions_model` or by name alone."""
    last = {re.split(r"[^A-Za-z0-9]", path)[-1] for path in paths if isinstance(path, str)}
    return tuple(name for name in (*SUMS, *DIMENSIONS) if name in last)


def _node(origin: Origin, data: dict[str, Any]) -> dict[str, Any] | None:
    """What it says of the account; None where it lists no account."""
    viewer = data.get("viewer")
    accounts = objects(viewer.get("accounts") if isinstance(viewer, dict) else None, origin, "`accounts`")
    return accounts[0] if accounts else None


def _names(told: object) -> list[str]:
    fields = told.get("fields") if isinstance(told, dict) else None
    listed = fields if isinstance(fields, list) else ()
    return [str(each["name"]) for each in listed if isinstance(each, dict) and "name" in each]


def _positive(value: object) -> int:
    """A number, also as text; 0 for anything else."""
    return int(text) if (text := str(value)).isascii() and text.isdigit() and len(text) < 16 else 0


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
