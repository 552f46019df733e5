"""The API over a `World`: a `Call` in, an `Answer` out, strict where its habits are known. Writes stand apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from typing import Any, NamedTuple

from . import writes
from .account import Account
from .answers import Answer, Call, failure, success, success_text
from .buckets import WIDTHS, Bucket
from .exact import JsonObject, encode
from .world import Token, World

BASE_PATH = "/client/v4"
MAX_PER_PAGE = 100
_BILLING = re.compile(r"/accounts/([^/]+)/ai-gateway/billing/(.+)")
_GATEWAYS = re.compile(r"/accounts/([^/]+)/ai-gateway/gateways")
_ACCOUNT_VERIFY = re.compile(r"/accounts/([^/]+)/tokens/verify")
_ACCOUNT_ID = re.compile(r"[0-9a-fA-F]{32}")
_TOKEN = re.compile(r"Bearer [A-Za-z0-9._~+/=-]+")
_WHOLE = re.compile(r"(-?\d+)(\.0+)?")


class _Asked(NamedTuple):
    """A billing request that may be answered: the token reads the account."""

    world: World
    call: Call
    account: Account
    now: datetime


def route(call: Call) -> Call:
    """The call with its endpoint and account named, as far as the path names them."""
    if match := _BILLING.fullmatch(call.path):
        is_known = match[2] in _BILLING_ANSWERS or writes.methods(match[2])
        return replace(call, account_id=match[1], endpoint=match[2] if is_known else None)
    if match := _GATEWAYS.fullmatch(call.path):
        return replace(call, account_id=match[1], endpoint="gateways")
    if match := _ACCOUNT_VERIFY.fullmatch(call.path):
        return replace(call, account_id=match[1], endpoint="tokens/verify")
    known = {"/accounts": "accounts", "/user/tokens/verify": "tokens/verify", "/graphql": "graphql"}
    return replace(call, endpoint=known.get(call.path))


def answer(world: World, call: Call, now: datetime) -> Answer:
    """What the API says to a routed call at `now`."""
    if call.endpoint is None:
        return _no_route()
    allowed = _methods(call.endpoint)
    if call.method not in allowed:
        refusal = failure(405, 10405, "Method not allowed for this authentication scheme")
        return refusal.with_headers(Allow=", ".join(allowed))
    token = _authenticate(world, call)
    if isinstance(token, Answer):
        return token
    if call.endpoint == "tokens/verify":
        return _verify(world, call, token)
    if call.endpoint == "graphql":
        from . import analytics  # noqa: PLC0415 - its parser takes a while to import, and few need it

        return analytics.answer(world, call, token, now)
    return _accounts(world, call, token) if call.endpoint == "accounts" else _billing(world, call, token, now)


def _methods(endpoint: str) -> list[str]:
    if endpoint == "graphql":
        return ["POST"]
    is_read = endpoint in _BILLING_ANSWERS or endpoint in ("accounts", "tokens/verify")
    return ["GET"] * is_read + writes.methods(endpoint)


def _authenticate(world: World, call: Call) -> Token | Answer:
    """The token behind a call, or why there is none. Only verification answers to one that is not active."""
    text = call.headers.get("authorization")
    if text is None or not _TOKEN.fullmatch(text):
        legacy = text is None and ("x-auth-key" in call.headers or "x-auth-email" in call.headers)
        inner, header = (6103, "X-Auth-Key") if legacy else (6111, "Authorization")
        chain = [(inner, f"Invalid format for {header} header")]
        return failure(400, 6003, "Invalid request headers", chain)
    token = world.tokens.get(text.removeprefix("Bearer "))
    if call.endpoint == "tokens/verify":
        return token or failure(401, 1000, "Invalid API Token")
    return token if token and token.status == "active" else _unauthorized(world.unknown_token_status)


def _no_route() -> Answer:
    return failure(404, 7003, "Could not route to the path, perhaps your object identifier is invalid?")


def _unauthorized(status: int) -> Answer:
    return failure(status, 10000, "Authentication error")


def _verify(world: World, call: Call, token: Token) -> Answer:
    if token.owner != call.account_id:
        return failure(401, 1000, "Invalid API Token")
    result = {"id": token.id, "status": token.status}
    limits = {"expires_on": token.expires_on, "not_before": token.not_before}
    result |= {key: text for key, text in limits.items() if text}
    return success(world.finish("tokens/verify", result, call.account_id))


def _accounts(world: World, call: Call, token: Token) -> Answer:
    page, per_page = _number(call, "page", 1), _number(call, "per_page", 20)
    if page is None or page < 1 or per_page is None or not 5 <= per_page <= 50:
        return failure(400, 7400, "page must be at least 1 and per_page between 5 and 50")
    wanted = call.query.get("name", "").lower()
    seen = [each for each in world.accounts.values() if each.id in token.sees and wanted in each.name.lower()]
    if call.query.get("direction") == "desc":
        seen.reverse()
    shown = [_account(each) for each in seen[(page - 1) * per_page : page * per_page]]
    info = {"page": page, "per_page": per_page, "count": len(shown), "total_count": len(seen)}
    info["total_pages"] = ceil(len(seen) / per_page)
    return success(world.finish("accounts", shown, None), info)


def _account(account: Account) -> JsonObject:
    created = account.created_on.isoformat().replace("+00:00", "Z")
    settings = {"enforce_twofactor": False}
    return {
        "id": account.id,
        "name": account.name,
        "type": "standard",
        "settings": settings,
        "created_on": created,
    }


def _billing(world: World, call: Call, token: Token, now: datetime) -> Answer:
    if not _ACCOUNT_ID.fullmatch(call.account_id or ""):
        return failure(404, 7003, "Could not route to the requested path, perhaps your object identifier is invalid?")
    account = world.accounts.get((call.account_id or "").lower())
    if account is None or account.id not in token.reads:
        return _unauthorized(403)
    if call.method != "GET":
        return writes.answer(world, call, account, token, now)
    return _BILLING_ANSWERS[call.endpoint or ""](_Asked(world, call, account, now))


def _usage_history(asked: _Asked) -> Answer:
    world, call, account, now = asked
    grouping = call.query.get("value_grouping_window")
    if grouping not in WIDTHS:
        return failure(400, 7001, "value_grouping_window: expected 'day' or 'hour'")
    start, end = _number(call, "start_time"), _number(call, "end_time")
    if start is None or end is None:
        return failure(400, 7001, "start_time, end_time: expected number, received NaN")
    if end <= start or (world.refuses_future_end and end > now.timestamp() * 1000):
        return failure(400, 7001, "end_time: must be after start_time and not in the future")
    if start % (WIDTHS[grouping] * 1000) or end % (WIDTHS[grouping] * 1000):
        return failure(500, 7000, "Internal server error")
    found = account.buckets(grouping, now, start // 1000, end // 1000, world.row_limit + 1)
    return _usage_answer(world, account, found[: world.row_limit], len(found) > world.row_limit)


def _usage_answer(world: World, account: Account, shown: list[Bucket], has_more: bool) -> Answer:
    info = {"has_more": has_more, "page": 1, "per_page": world.row_limit, "total_count": len(shown)}
    zeros = "000" if world.usage_time_unit == "ms" else ""
    text = ",".join(
        f'{{"id":{encode(name)},"start_time":{start}{zeros},"end_time":{end}{zeros},"aggregated_value":{value:f}}}'
        for name, start, end, value in shown
    )
    if not world.is_injected("usage-history"):
        return success_text(f'{{"history":[{text}]}}', info if world.tells_has_more else None)
    result = world.finish("usage-history", {"history": list(map(world.usage_row, shown))}, account.id)
    return success(result, info if world.tells_has_more else None)


def _invoice_history(asked: _Asked) -> Answer:
    world, call, account, now = asked
    kind = call.query.get("type", "all")
    page, per_page = _number(call, "page", 1), _number(call, "per_page", world.default_per_page)
    if kind not in ("all", "auto", "manual"):
        return failure(400, 7001, "type: expected 'all', 'auto' or 'manual'")
    if page is None or page < 1 or per_page is None or not 1 <= per_page <= MAX_PER_PAGE:
        return failure(400, 7001, f"page must be at least 1 and per_page between 1 and {MAX_PER_PAGE}")
    invoices = account.invoices(now, kind)
    pagination = {
        "has_more": page * per_page < len(invoices),
        "page": page,
        "per_page": per_page,
        "total_count": len(invoices),
    }
    result = {"invoices": invoices[(page - 1) * per_page : page * per_page], "pagination": pagination}
    return success(world.finish("invoice-history", result, account.id))


def _invoice_preview(asked: _Asked) -> Answer:
    world, account, now = asked.world, asked.account, asked.now
    preview = account.preview(now)
    if preview is not None:
        return success(world.finish("invoice-preview", preview, account.id))
    if account.preview_absent == "null":
        return success(None)
    if account.preview_absent == "empty":
        return success(_empty_preview(now))
    return failure(404, 7002, "No upcoming invoice")


def _empty_preview(now: datetime) -> JsonObject:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    zeros = dict.fromkeys(("amount_due", "amount_paid", "amount_remaining"), 0)
    period = {"period_start": int(first.timestamp()), "period_end": int(after.timestamp())}
    return {
        "id": "upcoming_in_sim",
        "status": "draft",
        "currency": "usd",
        **zeros,
        **period,
        "invoice_lines": [],
    }


def _gateways(asked: _Asked) -> Answer:
    page, per_page = _number(asked.call, "page", 1), _number(asked.call, "per_page", 20)
    if page is None or page < 1 or per_page is None or not 1 <= per_page <= MAX_PER_PAGE:
        return failure(400, 7001, f"page must be at least 1 and per_page between 1 and {MAX_PER_PAGE}")
    listed = asked.account.gateways.listed()
    shown = listed[(page - 1) * per_page : page * per_page]
    info = {"page": page, "per_page": per_page, "count": len(shown), "total_count": len(listed)}
    return success(asked.world.finish("gateways", shown, asked.account.id), info)


def _snapshot(endpoint: str) -> Callable[[_Asked], Answer]:
    def read(asked: _Asked) -> Answer:
        result: Any = asked.world.truth(endpoint, asked.account.id, asked.now)
        if result is None:
            return failure(asked.world.no_manual_topup_status, 1000, "NO_MANUAL_TOPUP")
        return success(result)

    return read


_BILLING_ANSWERS: dict[str, Callable[[_Asked], Answer]] = {
    "usage-history": _usage_history,
    "invoice-history": _invoice_history,
    "invoice-preview": _invoice_preview,
    "credit-balance": _snapshot("credit-balance"),
    "topup/config": _snapshot("topup/config"),
    "topup/limits": _snapshot("topup/limits"),
    "spending-limit": _snapshot("spending-limit"),
    "gateways": _gateways,
}


def _number(call: Call, name: str, default: int | None = None) -> int | None:
    """A whole number of the query, also like `12.0`; None when it is none, as a missing one is without a default."""
    text = call.query.get(name)
    if text is None:
        return default
    whole = _WHOLE.fullmatch(text)
    return int(whole[1]) if whole else None
