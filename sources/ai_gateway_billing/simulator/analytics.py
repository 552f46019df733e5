"""GraphQL over the pretend accounts' requests: one dataset, its settings, and how it refuses.

Every answer is HTTP 200; `errors` is null or says what went wrong. Rows come in no order, and those beyond `limit` are
left out without a word. A field that the account's schema does not offer is an error. Written from what public
programs have seen, and Cloudflare's documentation of its GraphQL API.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import graphql

from .answers import Answer, Call
from .exact import Raw, encode
from .requests import Group
from .usage import DAY, HOUR
from .world import Token, World

KEPT = 31 * DAY
MAX_PAGE_SIZE = 10_000
DATASET = "aiGatewayRequestsAdaptiveGroups"
_NO_ACCESS = "not authorized for that account"

SUMS: dict[str, Callable[[Group], int]] = {
    "cost": lambda group: group.nano_usd,
    "tokensIn": lambda group: group.tokens_in,
    "tokensOut": lambda group: group.tokens_out,
    "cachedTokensIn": lambda group: group.cache_read,
    "cachedTokensOut": lambda _: 0,
    "uncachedTokensIn": lambda group: group.tokens_in - group.cache_read,
    "uncachedTokensOut": lambda group: group.tokens_out,
    "cacheReadTokens": lambda group: group.cache_read,
    "cacheWriteTokens": lambda group: group.cache_write,
    "cachedRequests": lambda group: group.cached,
    "erroredRequests": lambda group: group.errored,
}
DIMENSIONS: dict[str, Callable[[Group], Any]] = {
    "date": lambda group: _moment(group.at).strftime("%Y-%m-%d"),
    "datetimeHour": lambda group: _text(group.at // HOUR * HOUR),
    "datetimeMinute": lambda group: _text(group.at // 60 * 60),
    "gateway": lambda group: group.gateway,
    "provider": lambda group: group.provider,
    "model": lambda group: group.model,
    "wholesale": lambda group: group.wholesale,
    "metadataRaw": lambda group: group.metadata,
}
FIELDS = (*SUMS, *DIMENSIONS)

_SCHEMA = """
scalar string
scalar uint64
scalar float64
scalar Time
scalar Date
type Query {{ viewer: Viewer! }}
type Viewer {{ accounts(filter: AccountFilter!): [Account!]! }}
input AccountFilter {{ accountTag: string! }}
input RequestsFilter {{
  gateway: string
  datetime_geq: Time, datetime_lt: Time, datetime_leq: Time
  datetimeHour_geq: Time, datetimeHour_lt: Time, datetimeHour_leq: Time
  date_geq: Date, date_leq: Date
  AND: [RequestsFilter!]
}}
enum RequestsOrder {{ datetimeHour_ASC datetimeHour_DESC sum_cost_DESC count_DESC }}
type Account {{
  {dataset}(
    limit: uint64!, filter: RequestsFilter!, orderBy: [RequestsOrder!]
  ): [AccountAiGatewayRequestsAdaptiveGroups!]!
  settings: AccountSettings!
}}
type AccountSettings {{ {dataset}: Settings! }}
type Settings {{
  enabled: Boolean!, availableFields: [string!]!, maxDuration: uint64!, maxPageSize: uint64!, notOlderThan: uint64!
}}
type AccountAiGatewayRequestsAdaptiveGroups {{
  count: uint64!
  sum: AccountAiGatewayRequestsAdaptiveGroupsSum!
  dimensions: AccountAiGatewayRequestsAdaptiveGroupsDimensions!
}}
type AccountAiGatewayRequestsAdaptiveGroupsSum {{ {sums} }}
type AccountAiGatewayRequestsAdaptiveGroupsDimensions {{ {dimensions} }}
"""


class _Asked(NamedTuple):
    world: World
    token: Token
    now: datetime


def answer(world: World, call: Call, token: Token, now: datetime) -> Answer:
    """What the API says to a POST of `query` and `variables`."""
    try:
        sent = json.loads(call.body)
        document = graphql.parse(sent["query"])
    except (ValueError, KeyError, TypeError, graphql.GraphQLError):
        return _said(None, ["cannot parse request"])
    schema = _schema(frozenset(world.analytics_fields))
    if problems := graphql.validate(schema, document):
        return _said(None, [each.message for each in problems])
    asked = _Asked(world, token, now)
    variables = sent.get("variables") or {}
    found = graphql.execute(schema, document, _viewer(asked), variable_values=variables)
    if not isinstance(found, graphql.ExecutionResult):
        raise TypeError("the resolvers are synchronous")
    return _said(found.data, [each.message for each in found.errors or ()])


def _said(data: Any, errors: Iterable[str]) -> Answer:
    listed = [{"message": each, "path": None, "extensions": {"code": "400"}} for each in errors]
    return Answer(200, encode({"data": data, "errors": listed or None}).encode())


@cache
def _schema(offered: frozenset[str]) -> graphql.GraphQLSchema:
    kinds = {"cost": "float64!", "wholesale": "Boolean!", "date": "Date!"}
    schema = graphql.build_schema(
        _SCHEMA.format(
            dataset=DATASET,
            sums=" ".join(f"{name}: {kinds.get(name, 'uint64!')}" for name in SUMS if name in offered),
            dimensions=" ".join(f"{name}: {kinds.get(name, 'string!')}" for name in DIMENSIONS if name in offered),
        )
    )
    for name in ("string", "uint64", "float64", "Time", "Date"):
        scalar = schema.type_map[name]
        scalar.serialize = lambda value: value  # type: ignore[attr-defined]
    return schema


def _viewer(asked: _Asked) -> dict[str, Any]:
    return {"viewer": {"accounts": lambda _info, **given: _accounts(asked, given["filter"]["accountTag"])}}


def _accounts(asked: _Asked, account_id: str) -> list[dict[str, Any]]:
    """Whoever may not read analytics is told; whoever may not read the gateway finds nothing, and is not told."""
    if account_id not in asked.world.accounts or account_id not in asked.token.sees | asked.token.reads:
        raise graphql.GraphQLError(_NO_ACCESS)
    if asked.token.analytics == "refused":
        raise graphql.GraphQLError(_NO_ACCESS)
    return [
        {
            DATASET: lambda info, **given: _rows(asked, account_id, info, given),
            "settings": {DATASET: _settings(asked.world)},
        }
    ]


def _settings(world: World) -> dict[str, Any]:
    return {
        "enabled": True,
        "availableFields": [
            "count",
            *(f"{'sum' if name in SUMS else 'dimensions'}_{name}" for name in FIELDS if name in world.analytics_fields),
        ],
        "maxDuration": world.analytics_max_duration,
        "maxPageSize": world.analytics_page_size,
        "notOlderThan": KEPT,
    }


def _rows(
    asked: _Asked, account_id: str, info: graphql.GraphQLResolveInfo[Any], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    limit, chosen = given["limit"], given["filter"]
    world, now = asked.world, int(asked.now.timestamp())
    start, end = _bounds(chosen, now)
    if limit > world.analytics_page_size:
        raise graphql.GraphQLError(f"limit must be at most {world.analytics_page_size}")
    if start < now - KEPT:
        raise graphql.GraphQLError(f"cannot request data older than {KEPT}s")
    if end - start > world.analytics_max_duration:
        raise graphql.GraphQLError(f"query time range is too large: at most {world.analytics_max_duration}s")
    if asked.token.analytics == "silent" or account_id not in asked.token.reads:
        return []
    found = world.accounts[account_id].requests.groups(start, end, now)
    wanted = [each for each in found if chosen.get("gateway") in (None, each.gateway)]
    return grouped(wanted, _dimensions(info), counts_as_text=world.counts_as_text)[:limit]


def grouped(groups: Iterable[Group], by: Iterable[str], *, counts_as_text: bool = False) -> list[dict[str, Any]]:
    """Rows as the API sends them: requests that share these dimensions, added up."""
    by = tuple(by)
    rows: dict[tuple[Any, ...], list[Group]] = {}
    for each in groups:
        rows.setdefault(tuple(DIMENSIONS[name](each) for name in by), []).append(each)
    count: Callable[[int], Any] = str if counts_as_text else int
    return [
        {
            "count": count(sum(each.requests for each in own)),
            "sum": {name: count(sum(map(read, own))) for name, read in SUMS.items() if name != "cost"}
            | {"cost": dollars(sum(each.nano_usd for each in own))},
            "dimensions": dict(zip(by, key, strict=True)),
        }
        for key, own in rows.items()
    ]


def dollars(nano_usd: int) -> Raw:
    """A JSON float as services write it: the shortest digits that mean the same double."""
    return Raw(repr(nano_usd / 1e9).removesuffix(".0"))


def _dimensions(info: graphql.GraphQLResolveInfo[Any]) -> list[str]:
    """What the query groups by: the dimensions that it asks for."""
    chosen = [
        inner
        for node in info.field_nodes
        for inner in (node.selection_set.selections if node.selection_set else ())
        if isinstance(inner, graphql.FieldNode) and inner.name.value == "dimensions" and inner.selection_set
    ]
    asked = [leaf for each in chosen if each.selection_set for leaf in each.selection_set.selections]
    return [leaf.name.value for leaf in asked if isinstance(leaf, graphql.FieldNode)]


def _bounds(chosen: Mapping[str, Any], now: int) -> tuple[int, int]:
    """From when to when the filter asks. `datetime_*` and `datetimeHour_*` may both be given."""
    starts = [_seconds(text) for name, text in chosen.items() if name in ("datetime_geq", "datetimeHour_geq")]
    ends = [_seconds(text) for name, text in chosen.items() if name in ("datetime_lt", "datetimeHour_lt")]
    return max(starts, default=now - KEPT), min(ends, default=now + HOUR)


def _seconds(text: object) -> int:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise graphql.GraphQLError(f"{text} is no Time") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _text(at: int) -> str:
    return _moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")
