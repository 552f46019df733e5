"""Fields of what is no billing: the analytics' estimates by the hour, and the gateways. Dollars, not cents.

Which fields the analytics offer differs by account and time: what they do not offer is NULL.
"""

from .fields import (
    ACCOUNT,
    ACCOUNT_KEY,
    ACCOUNT_MERGED,
    CLAIM,
    DELETED,
    ESTIMATE,
    FLAG,
    HOUR,
    INFORMATIVE,
    OPTIONAL,
    OURS,
    REQUIRED,
    TALLY,
    TEXT,
    TIME,
    WITHDRAWN,
    Field,
    Fields,
    Group,
)

_HOUR: Fields = {
    "account_id": ACCOUNT_MERGED,
    "hour": Field(HOUR, REQUIRED, "Start of the UTC hour", sent_as="datetimeHour", hints={"merge_key": True}),
    "gateway": Field(TEXT, OPTIONAL, "Gateway; NULL where the analytics do not offer it"),
    "provider": Field(TEXT, OPTIONAL, "Provider as the analytics name it; NULL where not offered"),
    "model": Field(TEXT, OPTIONAL, "Model as the analytics name it; NULL where not offered"),
    "wholesale": Field(
        CLAIM,
        OPTIONAL,
        "True when Cloudflare bills it, false for the customer's own provider key; NULL where not offered",
    ),
}
_ESTIMATED: Fields = {
    "requests": Field(TALLY, REQUIRED, "Requests, sampled", sent_as="count"),
    "cached_requests": Field(
        TALLY, OPTIONAL, "Of them, answered from the cache; NULL where not offered", sent_as="cachedRequests"
    ),
    "errored_requests": Field(TALLY, OPTIONAL, "Of them, failed; NULL where not offered", sent_as="erroredRequests"),
    "tokens_in": Field(TALLY, OPTIONAL, "Tokens in, sampled; NULL where not offered", sent_as="tokensIn"),
    "tokens_out": Field(TALLY, OPTIONAL, "Tokens out, sampled; NULL where not offered", sent_as="tokensOut"),
    "cache_read_tokens": Field(
        TALLY, OPTIONAL, "Tokens read from the provider's cache; NULL where not offered", sent_as="cacheReadTokens"
    ),
    "cache_write_tokens": Field(
        TALLY, OPTIONAL, "Tokens written to the provider's cache; NULL where not offered", sent_as="cacheWriteTokens"
    ),
    "cost_usd_estimate": Field(
        ESTIMATE, OPTIONAL, "US dollars, estimated and sampled: never the bill; NULL where not offered", sent_as="cost"
    ),
}
_TAG: Fields = {
    "tag": Field(TEXT, OURS, "Key of the request's custom metadata that the setting names"),
    "value": Field(
        TEXT,
        OURS,
        "Its value as text, or a keyed hash of it; NULL for requests without it. May be personal data",
        hints={"nullable": True},
    ),
    "is_hashed": Field(FLAG, OURS, "Whether the value is a hash"),
}
_GAPS: Fields = {
    "account_id": ACCOUNT_KEY,
    "resource": Field(TEXT, OURS, "Table that lacks these hours", hints={"primary_key": True}),
    "gap_start": Field(TIME, OURS, "First hour that was never read, UTC", hints={"primary_key": True}),
    "gap_end": Field(TIME, OURS, "End of the gap, exclusive, UTC; the analytics no longer have what is before it"),
    "noticed_at": Field(TIME, OURS, "Load that found it too late, UTC"),
}
_RULE: Fields = {
    "account_id": ACCOUNT,
    "limit_usd": Field(ESTIMATE, REQUIRED, "Limit in US dollars", sent_as="limit"),
    "window_seconds": Field(TALLY, OPTIONAL, "Length of the window in seconds", sent_as="window"),
    "kind": Field(TEXT, INFORMATIVE, "fixed or sliding; NULL when neither is said"),
    "model": Field(TEXT, INFORMATIVE, "The only model that counts; NULL for all"),
    "provider": Field(TEXT, INFORMATIVE, "The only provider that counts; NULL for all"),
    "has_metadata_scope": Field(FLAG, INFORMATIVE, "Whether only requests with some metadata count"),
}
_GATEWAYS: Fields = {
    "account_id": ACCOUNT,
    "gateway": Field(TEXT, REQUIRED, "Name of the gateway", sent_as="id"),
    "workers_ai_billing_mode": Field(TEXT, INFORMATIVE, "unified draws credit for Workers AI, postpaid does not"),
    "byok_only": Field(FLAG, INFORMATIVE, "Whether only the customer's own provider keys are used"),
    "collect_logs": Field(FLAG, INFORMATIVE, "Whether requests are logged"),
    "spend_limit_rules": Group(OPTIONAL, _RULE, many=True),
    "withdrawn": WITHDRAWN,
}

TABLES: dict[str, Fields] = {
    "gateway_usage_hourly": {**_HOUR, **_ESTIMATED, "withdrawn": DELETED},
    "gateway_usage_tags_hourly": {**_HOUR, **_TAG, **_ESTIMATED, "withdrawn": DELETED},
    "gateway_usage_gaps": _GAPS,
    "gateways": _GATEWAYS,
}
"""The tables that are there with attribution alone, each of a resource of the same name."""
