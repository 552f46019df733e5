"""The requests of one pretend account as the analytics see them: put there by hand, or made from its usage.

Analytics count a request 139 to 365 s after it came, answer estimates, and restate the newest four days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from .buckets import seconds
from .usage import DAY, HOUR, MODELS, Usage

RESTATED = 4 * DAY
"""Estimates of requests that are younger than this still change."""
_SHARES = {
    "openai/gpt-5": (("production", "search", 70), ("support-bot", "growth", 30)),
    "openai/gpt-5.5": (
        ("production", "search", 45),
        ("production", "growth", 20),
        ("support-bot", "growth", 20),
        ("experiments", "search", 15),
    ),
    "anthropic/claude-sonnet-4.5": (("production", "growth", 65), ("experiments", "search", 35)),
    "google/gemini-2.5-flash": (("support-bot", None, 60), ("production", "search", 40)),
}
"""Who uses which model, in per cent: gateway and team; a request of nobody's has no metadata."""
_ELSEWHERE = (("production", "search", 100),)
_OWN_KEY = ("experiments", "openai", "gpt-5.5", "search")
"""What goes to a provider by the customer's own key: Cloudflare does not bill it."""


class Group(NamedTuple):
    """Requests of one moment that have all in common. `nano_usd`: billionths of a dollar. `metadata`: JSON text.

    `wholesale`: Cloudflare bills them, as opposed to the customer's own provider key.
    """

    at: int
    gateway: str
    provider: str
    model: str
    wholesale: bool = True
    metadata: str = ""
    requests: int = 1
    cached: int = 0
    errored: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cache_read: int = 0
    cache_write: int = 0
    nano_usd: int = 0


class RequestBook:
    """What the analytics know of one account. What is put here by hand stands beside what its usage makes."""

    def __init__(self, account_id: str, usage: Usage | None = None) -> None:
        self._id = account_id
        self._usage = usage
        self._groups: list[Group] = []
        self._hours: dict[int, list[Group]] = {}

    def add(self, at: datetime, gateway: str, provider: str, model: str, **fields: object) -> None:
        """Requests that came at this moment; `fields` are the others of `Group`."""
        self._groups.append(Group(seconds(at), gateway, provider, model, **fields))  # type: ignore[arg-type]

    def restate(self, at: datetime, nano_usd: int) -> None:
        """Estimate what came at this moment otherwise from now on."""
        self._groups = [each._replace(nano_usd=nano_usd) if each.at == seconds(at) else each for each in self._groups]

    def forget(self, at: datetime) -> None:
        """Know nothing more of what came at this moment."""
        self._groups = [each for each in self._groups if each.at != seconds(at)]

    def groups(self, start: int, end: int, now: int) -> Iterator[Group]:
        """What came in `[start, end)`, as counted and estimated at `now`. All are Unix seconds."""
        for each in self._groups:
            if start <= each.at < end and each.at + self._lag(each) <= now:
                yield each
        if self._usage is None:
            return
        for hour in range(max(start, self._usage.start) // HOUR * HOUR, min(end, now), HOUR):
            for each in self._made(hour):
                if start <= each.at < end and each.at + self._lag(each) <= now:
                    yield self._restated(each, now)

    def _lag(self, group: Group) -> int:
        return 139 + self._dice(group)[0] * 226 // 255

    def _restated(self, group: Group, now: int) -> Group:
        days = (now - group.at) // DAY
        if days >= RESTATED // DAY:
            return group
        return group._replace(nano_usd=group.nano_usd * (980 + self._dice(group)[1 + days] * 40 // 255) // 1000)

    def _dice(self, group: Group) -> bytes:
        return blake2b(f"{self._id}:{group.at}:{group.gateway}:{group.model}".encode(), digest_size=8).digest()

    def _made(self, hour: int) -> list[Group]:
        if hour not in self._hours:
            self._hours[hour] = list(self._make(hour))
        return self._hours[hour]

    def _make(self, hour: int) -> Iterator[Group]:
        assert self._usage is not None  # noqa: S101 - tells the type checker: asked for where there is usage
        used = zip(MODELS, self._usage.final(hour), strict=True)
        for model, tokens in [(model, tokens) for model, tokens in used if tokens]:
            provider, _, name = model.name.partition("/")
            if model.name.startswith("@"):
                provider, name = "workers-ai", model.name
            for place, (gateway, team, share) in enumerate(_SHARES.get(model.name, _ELSEWHERE)):
                dice = blake2b(f"{self._id}/{hour}/{model.name}/{place}".encode(), digest_size=4).digest()
                part = tokens * share // 100
                nano_usd = part * model.price // 100 * (990 + dice[0] * 26 // 255) // 1000  # sampled
                yield _group(hour, dice, gateway, provider, name, team, part, nano_usd, wholesale=True)
        gateway, provider, name, team = _OWN_KEY
        dice = blake2b(f"{self._id}/{hour}/own".encode(), digest_size=4).digest()
        if self._usage.final(hour)[1] and dice[0] < 96:
            part = self._usage.final(hour)[1] // 6
            nano_usd = part * MODELS[1].price // 100
            yield _group(hour, dice, gateway, provider, name, team, part, nano_usd, wholesale=False)


def _group(  # noqa: PLR0917 - the columns of a group
    hour: int,
    dice: bytes,
    gateway: str,
    provider: str,
    model: str,
    team: str | None,
    tokens: int,
    nano_usd: int,
    *,
    wholesale: bool,
) -> Group:
    count = 1 + tokens // 2400
    return Group(
        hour + 60 * (dice[1] * 59 // 255),
        gateway,
        provider,
        model,
        wholesale,
        f'{{"team":"{team}","user":"user-{dice[2] % 7}@example.test"}}' if team else "",
        count,
        count * dice[2] // 2048,
        count * dice[3] // 4096,
        tokens - tokens // 5,
        tokens // 5,
        tokens * dice[2] // 1024,
        tokens * dice[3] // 4096,
        nano_usd,
    )
