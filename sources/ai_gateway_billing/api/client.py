"""Cloudflare's AI Gateway billing over HTTP: one method per GET endpoint. It cannot write.

https://developers.cloudflare.com/api/resources/ai_gateway_billing/
"""

import operator
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Any, Final, NamedTuple

import httpx

from ai_gateway_billing.errors import ApiError

from . import endpoints, graphql
from .analytics import Analytics
from .endpoints import BASE_URL, BUDGET, BURST, Endpoint
from .envelope import Answer, Origin, drifted, objects
from .graphql import QueryWire
from .http import Connected, Params, Wire
from .inputs import checked_account_id, checked_base_url, checked_token, is_account_id
from .limits import Pace
from .pages import Enough, Listing, Pages, numbered

__all__ = ["BASE_URL", "Client", "UsageAnswer", "checked_account_id"]

PER_PAGE: Final = 50
_FRESH_S = 60.0
"""So old the API's word on the time may be: a machine that slept since did not count the seconds."""


class UsageAnswer(NamedTuple):
    """Usage buckets as sent: newest first, silent ones left out. `has_more`: the API says it cut them."""

    history: list[dict[str, Any]]
    has_more: bool


class Client(Connected):
    """Reads one token's billing. Safe to share between threads; close it or use it in a `with` statement.

    `transport`, `sleep`, `clock` (seconds, monotonic) and `now` (for dates in `retry-after`) are for tests; a
    `sleep` that raises ends a waiting request. `budget`: requests and seconds of the sliding window that we
    keep to by ourselves, beside 200 requests in a second; None for neither. What the API asks for is obeyed in
    any case.

    Every method raises `ApiError` and its kin after retries, and `SettingsError` before anything is sent.
    """

    def __init__(
        self,
        api_token: str,
        *,
        base_url: str = BASE_URL,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_requests_per_second: float | None = None,
        budget: tuple[int, float] | None = BUDGET,
    ) -> None:
        token, url = checked_token(api_token), checked_base_url(base_url)
        self._secret = token
        self._names: dict[str, str] = {}
        slowest = max_requests_per_second
        new_pace = partial(Pace, sleep=sleep, clock=clock, max_per_second=slowest)
        pace = new_pace(budget=budget, burst=budget and BURST)
        own_pace = new_pace(budget=budget and graphql.BUDGET, burst=budget and graphql.BURST)
        self._wire = Wire(token, url, pace, transport=transport, sleep=sleep, clock=clock, now=now)
        self._new_queries = partial(
            QueryWire, token, url, own_pace, transport=transport, sleep=sleep, clock=clock, now=now
        )
        self._queries: QueryWire | None = None
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Client of {self._wire.host}>"

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()
        if self._queries:
            self._queries.close()

    @property
    def requests(self) -> int:
        """HTTP requests sent so far, retries included."""
        return self._wire.requests + (self._queries.requests if self._queries else 0)

    @property
    def analytics(self) -> Analytics:
        """What is asked for with attribution alone: estimates, by queries with a budget of their own, and gateways."""
        with self._lock:
            if self._queries is None:
                self._queries = self._new_queries()
                self._queries.hold_limit_s = self.hold_limit_s
            return Analytics(self._wire, self._queries, self._secret)

    @property
    def server_time(self) -> datetime | None:
        """The newest time that the API told in a `date` header, UTC."""
        return self._wire.server_time

    @property
    def answers_at_once(self) -> bool:
        """Whether answers come so quickly that several requests at a time would gain nothing."""
        return self._wire.answers_at_once

    @property
    def account_names(self) -> dict[str, str]:
        """The names of accounts by id, as far as answers told them so far. No request is sent for it.

        Personal data: Cloudflare's own choice of a name contains the mail address of whoever made the account.
        """
        return dict(self._names)

    def api_time(self) -> datetime | None:
        """What time it is at the API: what it told and the seconds since. Without a fresh word it is asked, once.

        None when that did not help. Any answer of the API tells, a refusal as well.
        """
        if self._wire.server_time is None or self._wire.age_s() > _FRESH_S:
            with suppress(ApiError):
                answer = self._wire.get(self._list_of_accounts(), {"page": 1, "per_page": PER_PAGE}, is_once=True)
                self._note_names(answer.result)
        told, age_s = self._wire.server_time, self._wire.age_s()
        return None if told is None or age_s > _FRESH_S else told + timedelta(seconds=age_s)

    @property
    def hold_limit_s(self) -> float:
        """The longest that all requests together wait because the API asks for it: 900 s.

        Counted anew after five minutes without such a wait.
        """
        return self._wire.hold_limit_s

    @hold_limit_s.setter
    def hold_limit_s(self, seconds: float) -> None:
        self._wire.hold_limit_s = seconds
        if self._queries:
            self._queries.hold_limit_s = seconds

    def usage_history(self, account_id: str, grouping: str, start_ms: int, end_ms: int) -> UsageAnswer:
        """Usage per `hour` or `day` in [start, end), Unix milliseconds, aligned to that grouping.

        Both bounds are always sent, as whole numbers: without them, or unaligned, the API is seen to fail.
        """
        params: Params = {
            "value_grouping_window": grouping,
            "start_time": operator.index(start_ms),
            "end_time": operator.index(end_ms),
        }
        origin = self._origin(endpoints.USAGE_HISTORY, account_id)
        answer = self._wire.get(origin, params)
        history = objects(_object(origin, answer).get("history"), origin, "`history`")
        return UsageAnswer(history, answer.result_info.get("has_more") is True)

    def invoice_history(self, account_id: str, kind: str = "all", enough: Enough = lambda _: False) -> Listing:
        """Every invoice, from all pages of one consistent read; `PagesInconsistentError` when none was.

        `kind`: `auto` or `manual` asks for the purchases of credit of that type alone. Reading ends with the page that
        is `enough`. The list has a `problem` where the API gives only a part of it.
        """
        origin = self._origin(endpoints.INVOICE_HISTORY, account_id)

        def fetch(page: int) -> dict[str, Any]:
            return _object(origin, self._wire.get(origin, {"type": kind, "page": page, "per_page": PER_PAGE}))

        return Pages(fetch, origin).read(enough)

    def snapshot(self, resource: str, account_id: str) -> dict[str, Any] | None:
        """What the resource's endpoint says now; None when it says, in a way of its own, that there is nothing."""
        endpoint = endpoints.OF_RESOURCE[resource]
        origin, nothing = self._origin(endpoint, account_id), endpoint.nothing
        try:
            answer = self._wire.get(origin, null_is_a_state=bool(nothing and nothing.null))
        except ApiError as error:
            if nothing and nothing.is_said_by(error):
                return None
            raise
        return None if answer.result is None else _object(origin, answer)

    def invoice_preview(self, account_id: str) -> dict[str, Any] | None:
        """The coming invoice; None when the API has none to preview (404 or null)."""
        return self.snapshot("invoice_preview", account_id)

    def credit_balance(self, account_id: str) -> dict[str, Any]:
        """The prepaid credit (`balance`, cents with fractions, may be negative) and the card's state."""
        return self._read(self._origin(endpoints.CREDIT_BALANCE, account_id))

    def topup_config(self, account_id: str) -> dict[str, Any]:
        """The automatic top-up: `amount` and `threshold` in cents; zero, null or missing when not set up."""
        return self._read(self._origin(endpoints.TOPUP_CONFIG, account_id))

    def spending_limit(self, account_id: str) -> dict[str, Any] | None:
        """The account's spending limit; None while it has never topped up by hand (`NO_MANUAL_TOPUP`)."""
        return self.snapshot("spending_limit", account_id)

    def accounts(self) -> list[dict[str, Any]]:
        """`id` and `name` of every account that the token sees. It may see one and yet not its billing.

        Pages are read until one is empty or repeats others, as Cloudflare's own client does. A short one ends nothing,
        unless the total that comes with it says the same.
        """
        origin = self._list_of_accounts()
        found: dict[str, dict[str, Any]] = {}
        for _, answer in numbered(lambda page: self._wire.get(origin, {"page": page, "per_page": PER_PAGE}), origin):
            rows = objects(answer.result, origin)
            if not all(is_account_id(row.get("id")) for row in rows):
                raise drifted(origin, "an `id` is none of an account")
            known = len(found)
            self._note_names(rows)
            found.update({row["id"].lower(): {"id": row["id"].lower(), "name": row.get("name")} for row in rows})
            is_last = len(rows) < PER_PAGE and answer.result_info.get("total_count") == len(found)
            if is_last or len(found) == known:
                break
        return list(found.values())

    def _note_names(self, rows: object) -> None:
        """Whatever else the answer holds: nothing depends on a name."""
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and is_account_id(row.get("id")) and isinstance(row.get("name"), str):
                self._names[row["id"].lower()] = row["name"]

    def verify_token(self, account_id: str | None = None) -> dict[str, Any]:
        """State of the token itself (`id`, `status`, optional bounds); says nothing about its permissions.

        A token that belongs to an account is known to that account alone: name it.
        """
        if account_id is None:
            return self._read(Origin("user/tokens/verify", secret=self._secret))
        return self._read(Origin("tokens/verify", checked_account_id(account_id), self._secret))

    def _list_of_accounts(self) -> Origin:
        return Origin("accounts", secret=self._secret)

    def _origin(self, endpoint: Endpoint, account_id: str) -> Origin:
        return Origin(endpoint.path, checked_account_id(account_id), self._secret)

    def _read(self, origin: Origin) -> dict[str, Any]:
        return _object(origin, self._wire.get(origin))


def _object(origin: Origin, answer: Answer) -> dict[str, Any]:
    if not isinstance(answer.result, dict):
        raise drifted(origin, "its result is no object")
    return answer.result
