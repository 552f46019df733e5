"""How long one request is tried, and what the requests of a client learn from each other's failures.

stamina, built on tenacity, waits by the real clock alone; tenacity itself takes a `sleep`, so that tests need
not wait, and the pace of the whole client does the waiting that the API asks for.
"""

import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import tenacity

from ai_gateway_billing.errors import ApiError, RateLimitedError, UnreachableError

ATTEMPTS: Final = 6  # of one request; also limited answers in a row that end it
FAULT_LIMIT_S: Final = 60.0  # for one request, what the pace made it wait not counted
UNREACHABLE_LIMIT_S: Final = 25.0  # the same while no connection comes about
HOLD_LIMIT_S: Final = 900.0  # that a client waits because the API asks for it, all its requests together
GIVEN_UP: Final = 20  # requests in a row without a good answer in between: then each is tried once
QUICK_S: Final = 0.005  # for an answer: below, it comes from the same machine or the next
TOLD_AFTER_S: Final = 2.0  # of trying again: shorter troubles are not worth a line

logger = logging.getLogger(__name__)


@dataclass
class Health:
    """What a client knows of the API, for all its threads: each flag makes later requests give up early."""

    down: bool = False  # a request was given up without an answer, and no answer has come since
    limited: bool = False  # a request was given up as limited, and no other answer has come since
    given_up: int = 0  # requests that failed after all attempts, and no good answer has come since
    told: "Patience | None" = None  # whose waiting was told last, while it lasts
    troubled: bool = False  # a request was sent again: from now on no request may hold up another
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=8))  # seconds that answers took

    @property
    def is_quick(self) -> bool:
        """Judged by the quickest of the last answers, since a busy machine is slow at any distance."""
        return not self.troubled and min(self.lately, default=QUICK_S) < QUICK_S


@dataclass
class Patience:
    """One request's attempts so far. Seconds are those of `clock`."""

    health: Health
    clock: Callable[[], float]
    faults: int = 0
    limited: int = 0  # answers in a row
    paused_s: float = 0.0  # waited because the API asked for it, and for our own budget
    attempt_s: float = 0.0  # how long the last attempt took
    connected: bool = True  # whether the last attempt found somebody listening

    def __post_init__(self) -> None:
        self.began = self.clock()

    def retrying(self, sleep: Callable[[float], None]) -> tenacity.Retrying:
        """Calls a function until it succeeds, fails for good, or this patience ends."""
        return tenacity.Retrying(
            sleep=lambda seconds: sleep(seconds) if seconds > 0 else None,
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, ApiError) and error.retryable),
            wait=self._back_off,
            stop=self._ends,
            before_sleep=self._tell,
            reraise=True,
        )

    @property
    def spent_s(self) -> float:
        """Seconds since the start, without those that the pace took."""
        return max(0.0, self.clock() - self.began - self.paused_s)

    def end(self) -> None:
        """The request has its answer, or was given up."""
        if self.health.told is self:
            self.health.told = None

    def hold_s(self, asked: float | None) -> float:
        """How long all requests keep still after this one was limited: never less than `asked`.

        Doubles with each limited answer in a row, so that `retry-after: 0` does not use up all attempts.
        Without `retry-after` it starts at 2 s and comes to a minute in all. The answer that ends this request
        adds nothing of its own.
        """
        last = self.limited >= ATTEMPTS or self.health.limited
        own = 0.0 if last else backoff_s(self.limited, first=2.0 if asked is None else 0.5, cap=60.0)
        return max(own, asked or 0.0)

    def _back_off(self, state: tenacity.RetryCallState) -> float:
        self.health.troubled = True
        if isinstance(_failure(state), RateLimitedError):
            return 0.0  # the pace holds this request together with all others
        self.faults += 1
        return backoff_s(self.faults) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads threads, hides nothing

    def _ends(self, state: tenacity.RetryCallState) -> bool:
        error, next_s = _failure(state), self.spent_s + state.upcoming_sleep
        if isinstance(error, RateLimitedError):
            self.health.limited |= self.limited >= ATTEMPTS
            return self.health.limited
        over = self.faults >= ATTEMPTS or next_s >= FAULT_LIMIT_S or self.health.given_up >= GIVEN_UP
        self.health.given_up += over
        if isinstance(error, UnreachableError):
            late = not self.connected and next_s + self.attempt_s > UNREACHABLE_LIMIT_S
            self.health.down |= over or late
            return self.health.down
        return over

    def _tell(self, state: tenacity.RetryCallState) -> None:
        """One line when an outage begins to be waited for, and not one for each attempt and thread."""
        error = _failure(state)
        if not isinstance(error, ApiError) or not state.upcoming_sleep:
            return  # a limited one waits in the pace, which tells it
        logger.info("%s; again in %.1f s", log_words(error), state.upcoming_sleep)
        if self.health.told is None and self.spent_s + state.upcoming_sleep >= TOLD_AFTER_S:
            self.health.told = self
            logger.warning("No good answer so far: %s. Trying again for up to a minute.", log_words(error))


def backoff_s(attempt: int, *, first: float = 0.5, cap: float = 20.0) -> float:
    """The wait after the so-manieth attempt, counted from 1: doubles up to `cap`."""
    return float(min(cap, first * 2 ** (attempt - 1)))


def log_words(error: ApiError) -> str:
    """An error in a log line: endpoint, account where there is one, status."""
    whose = f" of account {error.account_id}" if error.account_id else ""
    return f"{error.path}{whose}: {f'HTTP {error.status}' if error.status else error.reason or 'limited'}"


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
