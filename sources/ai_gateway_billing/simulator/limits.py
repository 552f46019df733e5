"""The API's request limit: so many per token and window, announced in headers, enforced by 429."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil

from .answers import Answer, failure


@dataclass
class _Budget:
    since: float
    used: int = 0
    blocked_until: float = 0.0


@dataclass
class RateLimit:
    """`quota` requests per token and window; an overrun blocks for `block_s`, or for the window's rest.

    `announces` is whether `Ratelimit` and `Ratelimit-Policy` stand in every answer, `tells_retry_after`
    whether a refusal says when to come back.
    """

    quota: int = 1200
    window_s: float = 300.0
    block_s: float | None = None
    announces: bool = True
    tells_retry_after: bool = True
    _budgets: dict[str, _Budget] = field(default_factory=dict)

    def take(self, token: str, now_s: float) -> Answer | None:
        """Count one request; the refusal if there is nothing left."""
        budget = self._budget(token, now_s)
        if now_s >= budget.blocked_until and budget.used >= self.quota:
            rest = budget.since + self.window_s - now_s
            budget.blocked_until = now_s + (rest if self.block_s is None else self.block_s)
        if now_s >= budget.blocked_until:
            budget.used += 1
            return None
        answer = failure(429, 971, "Please wait and consider throttling your request speed")
        seconds = ceil(budget.blocked_until - now_s)
        return answer.with_headers(Retry_After=str(seconds)) if self.tells_retry_after else answer

    def headers(self, token: str, now_s: float) -> dict[str, str]:
        """What an answer announces about the budget."""
        if not self.announces:
            return {}
        budget = self._budget(token, now_s)
        reset = max(budget.since + self.window_s, budget.blocked_until) - now_s
        policy = f'"default";q={self.quota};w={ceil(self.window_s)}'
        left = f'"default";r={max(0, self.quota - budget.used)};t={ceil(reset)}'
        return {"Ratelimit": left, "Ratelimit-Policy": policy}

    def _budget(self, token: str, now_s: float) -> _Budget:
        budget = self._budgets.get(token)
        if budget is None or now_s >= max(budget.since + self.window_s, budget.blocked_until):
            budget = self._budgets[token] = _Budget(now_s)
        return budget
