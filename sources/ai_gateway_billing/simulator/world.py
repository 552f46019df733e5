"""Several pretend accounts, the tokens that see them, and how strictly the API behaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .account import Account
from .buckets import Bucket
from .exact import JsonObject
from .story import Story

DEMO_TOKEN = "demo-token-that-opens-only-the-simulator"  # noqa: S105 - opens nothing else
DEMO_ACCOUNT_ID = "decafbad000000000000000000000001"
DEMO_START = datetime(2025, 8, 1, tzinfo=UTC)
ENDPOINTS = (
    "usage-history",
    "invoice-history",
    "invoice-preview",
    "credit-balance",
    "topup/config",
    "topup/limits",
    "spending-limit",
    "accounts",
    "tokens/verify",
)
ANALYTICS_FIELDS = (
    *("cost", "tokensIn", "tokensOut", "cachedTokensIn", "cachedTokensOut", "uncachedTokensIn", "uncachedTokensOut"),
    *("cacheReadTokens", "cacheWriteTokens", "cachedRequests", "erroredRequests"),
    *("date", "datetimeHour", "datetimeMinute", "gateway", "provider", "model", "wholesale", "metadataRaw"),
)
REMOVED: Any = object()
"""Given to `World.inject` in place of a value: the field goes missing."""
_SIZES = (1000, 260, 3400, 120, 800)


@dataclass
class Token:
    """A pretend API token. `reads` holds the accounts it may bill-read, `sees` those that /accounts lists.

    `writes` holds those that it may change ("AI Gateway Write"); none, unless said otherwise.
    """

    id: str
    reads: set[str] = field(default_factory=set)
    sees: set[str] = field(default_factory=set)
    status: str = "active"
    expires_on: str | None = None
    not_before: str | None = None
    owner: str | None = None
    """The account that owns the token; None for a user's token."""
    writes: set[str] = field(default_factory=set)
    is_dashboard_session: bool = False
    """Whether this is no token at all but a signed-in person, who may write `topup/config`."""
    analytics: str = "rows"
    """What GraphQL gives it: `rows`; `silent` (no rows and no error, as without AI Gateway Read); `refused` (as without
    Account Analytics Read)."""


class _Injection(NamedTuple):
    path: tuple[str, ...]
    value: Any
    account_id: str | None


class World:
    """Everything the simulator knows. Without help it is empty: no account, no token."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, Token] = {}
        self.row_limit = 100
        """Buckets per usage answer; the rest is left out without a word."""
        self.tells_has_more = False
        """Whether usage answers carry a `result_info`."""
        self.refuses_future_end = False
        """Whether a usage `end_time` beyond now is a 400."""
        self.usage_time_unit = "ms"
        """`ms` or `s`: how usage answers write `start_time` and `end_time`."""
        self.default_per_page = 20
        self.unknown_token_status = 401
        self.no_manual_topup_status = 400
        """With which status spending-limit says `NO_MANUAL_TOPUP`."""
        self.analytics_fields: Collection[str] = ANALYTICS_FIELDS
        """What the schema of the analytics offers, `count` aside."""
        self.analytics_page_size = 10_000
        """Rows per answer of the analytics; the rest is left out without a word."""
        self.analytics_max_duration = 31 * 86_400
        """The widest range of time, in seconds, that one query of the analytics may span."""
        self.counts_as_text = False
        """Whether the analytics write counts as JSON strings."""
        self.injections: dict[str, list[_Injection]] = {}

    def add_account(self, account_id: str, name: str | None = None, story: Story | None = None) -> Account:
        """Add an account: brand-new and empty, unless it has a story."""
        account = Account(account_id, name or f"Account {len(self.accounts) + 1}", story)
        self.accounts[account_id] = account
        return account

    def add_generated_account(
        self,
        account_id: str,
        name: str | None = None,
        *,
        start: datetime = DEMO_START,
        size: int = 1000,
        seed: str = "",
        **payments: Any,
    ) -> Account:
        """Add one with believable usage and payments since `start`; `size`: per mille of the demo.

        `usage_invoices` says what usage invoices ask for: `zero`, `uncovered` (what credit did not cover) or `full`
        (the month before). Without `tops_up` nobody buys credit after the first weeks, so that it runs out.
        """
        midnight = int(start.timestamp()) // 86_400 * 86_400
        return self.add_account(account_id, name, Story(account_id, seed or account_id, midnight, size, **payments))

    def add_token(
        self, token: str, reads: Iterable[str] | None = None, sees: Iterable[str] | None = None, **fields: Any
    ) -> Token:
        """Add a token that reads these accounts (default all so far) and lists those (default the same)."""
        readable = set(self.accounts if reads is None else reads)
        visible = readable if sees is None else set(sees)
        number = f"{len(self.tokens) + 1:032x}"
        self.tokens[token] = Token(**{"id": number, "reads": readable, "sees": set(visible), **fields})
        return self.tokens[token]

    def inject(self, endpoint: str, path: str, value: Any, account_id: str | None = None) -> None:
        """Change every later answer of an endpoint at a dotted path, `*` for each item of a list.

        `value` is put there (`history.*.model`), or called with the old value, or `REMOVED`. For `accounts`
        the path begins in the list itself. Raises ValueError for an endpoint that is none of `ENDPOINTS`.
        """
        if endpoint not in ENDPOINTS:
            raise ValueError(f"{endpoint} is none of {', '.join(ENDPOINTS)}")
        self.injections.setdefault(endpoint, []).append(_Injection(tuple(path.split(".")), value, account_id))

    def clear_injections(self) -> None:
        """Answer plainly again."""
        self.injections.clear()

    def is_injected(self, endpoint: str) -> bool:
        """Whether answers of this endpoint differ from the plain ones."""
        return bool(self.injections.get(endpoint))

    def finish(self, endpoint: str, result: Any, account_id: str | None) -> Any:
        """The result as it is sent: with what was injected. The world's own data stay as they are."""
        for each in self.injections.get(endpoint, ()):
            if each.account_id in (None, account_id):
                result = _changed(result, each.path, each.value)
        return result

    def usage_row(self, bucket: Bucket) -> JsonObject:
        """A bucket as usage-history writes it."""
        factor = 1000 if self.usage_time_unit == "ms" else 1
        start, end = bucket.start_s * factor, bucket.end_s * factor
        return {"id": bucket.id, "start_time": start, "end_time": end, "aggregated_value": bucket.value}

    def truth_usage(self, account_id: str, grouping: str, now: datetime) -> list[JsonObject]:
        """All buckets of an account, oldest first, in the API's form."""
        rows = [self.usage_row(bucket) for bucket in reversed(self.accounts[account_id].buckets(grouping, now))]
        result: JsonObject = self.finish("usage-history", {"history": rows}, account_id)
        return list(result["history"])

    def truth_invoices(self, account_id: str, now: datetime, kind: str = "all") -> list[JsonObject]:
        """All invoices of an account, newest first, in the API's form."""
        found = {"invoices": self.accounts[account_id].invoices(now, kind)}
        result: JsonObject = self.finish("invoice-history", found, account_id)
        return list(result["invoices"])

    def truth(self, endpoint: str, account_id: str, now: datetime) -> JsonObject | None:
        """The result of a snapshot endpoint, or None: nothing to preview, or no manual top-up yet."""
        account = self.accounts[account_id]
        readers: dict[str, Callable[[], JsonObject | None]] = {
            "invoice-preview": lambda: account.preview(now),
            "credit-balance": lambda: account.balance(now),
            "topup/config": lambda: account.topup_config(now),
            "topup/limits": account.topup_limits,
            "spending-limit": account.spending_limit,
        }
        found = readers[endpoint]()
        return None if found is None else self.finish(endpoint, found, account_id)


def demo_world(accounts: int = 1, *, start: datetime = DEMO_START, writable: bool = False, tokens: int = 1) -> World:
    """The account of the demo, and more of other sizes after it; `DEMO_TOKEN` reads them all.

    Several `tokens` (`DEMO_TOKEN`, `DEMO_TOKEN-2`, …) share the accounts out among them, each in a row; the demo's own
    account is then left out, as nothing else is loaded beside it. `writable`: a token may also change its accounts.
    """
    world = World()
    first = int(tokens > 1)
    for place in range(first, first + accounts):
        account_id = f"{int(DEMO_ACCOUNT_ID, 16) + place:032x}"
        name = "Demo account (simulated)" if not place else f"Demo account {place + 1} (simulated)"
        size = _SIZES[place % len(_SIZES)]
        world.add_generated_account(account_id, name, start=start, size=size)
    ids = list(world.accounts)
    share = -(-len(ids) // tokens)
    for place in range(tokens):
        mine = ids[place * share : (place + 1) * share]
        token = DEMO_TOKEN if not place else f"{DEMO_TOKEN}-{place + 1}"
        world.add_token(token, mine, writes=set(mine) if writable else set())
    return world


def _changed(found: Any, path: tuple[str, ...], value: Any) -> Any:
    """A copy of `found` with the value at `path` put, computed or removed."""
    step, rest = path[0], path[1:]
    if step == "*":
        items = [_changed(item, rest, value) if rest else _computed(item, value) for item in found]
        return [item for item in items if item is not REMOVED]
    if rest:
        return {**found, step: _changed(found[step], rest, value)} if step in found else found
    item = _computed(found.get(step), value)
    kept = {key: old for key, old in found.items() if key != step or item is not REMOVED}
    return kept if item is REMOVED else {**kept, step: item}


def _computed(old: Any, value: Any) -> Any:
    return value(old) if callable(value) else value
