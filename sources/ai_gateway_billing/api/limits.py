"""When the next request of one token may go out: our own budget, and what the API says about its limits.

Cloudflare allows a token 1,200 requests in five minutes, shared by everything that uses it, and blocks it for
five minutes beyond. It announces limits in `Ratelimit` (`"default";r=50;t=30`: 50 left, reset in 30 s) and
`Ratelimit-Policy` (`"default";q=1200;w=300`), and asks for silence with `retry-after`.
https://developers.cloudflare.com/fundamentals/api/reference/limits/
"""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

_ITEM: Final = re.compile(r'"(?P<quoted>[^"]*)"|(?P<key>[A-Za-z]+)\s*=\s*(?P<value>\d+(?:\.\d+)?)|(?P<next>,)')
_MARGIN: Final = 0.95  # of the budget: other requests of the same token, and time on the wire
_LOW_SHARE: Final = 0.1  # of a known quota: below, the rest is spread over the time to the reset
_LOW_COUNT: Final = 20  # the same when the quota is not announced


class HoldTooLongError(Exception):
    """The API asked for a longer silence than the caller is ready for: `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked to wait {seconds:.0f} s")
        self.seconds = seconds


class Limit(NamedTuple):
    """One announced limit: requests left, seconds to the reset, and the quota where known."""

    remaining: float
    reset_s: float
    quota: float | None = None


class Pace:
    """Tells every thread of a client when its next request may go out. Thread-safe; sleeps outside its lock.

    `budget`: requests and seconds of the sliding window that we keep to by ourselves; None for none. What the
    API asks for is obeyed in any case. `sleep` is trusted: it is asked once for a wait, not in a loop until
    `clock` agrees.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        budget: tuple[int, float] | None = None,
        max_per_second: float | None = None,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._window_s = budget[1] if budget else 0.0
        self._starts: deque[float] = deque(maxlen=max(1, int(budget[0] * _MARGIN)) if budget else 1)
        self._interval_s = 1 / max_per_second if max_per_second else 0.0
        self._spread_s = 0.0
        self._spread_until = 0.0
        self._last_start = float("-inf")
        self._not_before = float("-inf")

    def wait(self, limit_s: float) -> float:
        """Sleep until a request may go out; return how many of the seconds the API had asked for.

        Raises `HoldTooLongError`, without sleeping, once those would exceed `limit_s`.
        """
        held = 0.0
        gate = None
        while gate != self._not_before:  # closed again, by another thread's answer, while this one slept
            with self._lock:
                now = self._clock()
                gate = self._not_before
                hold = max(0.0, gate - now)
                if hold and held + hold > limit_s:
                    raise HoldTooLongError(hold)
                start = self._reserve(now)
            if start > now:
                self._sleep(start - now)
            held += hold
        return held

    def hold(self, seconds: float) -> None:
        """Let no request of any thread out for so many seconds from now. A longer hold stays."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Read the announced limits (lower-case names) and slow down before the API has to say so."""
        announced = headers.get("ratelimit")
        if announced is None:
            return
        for limit in limits(announced, headers.get("ratelimit-policy", "")):
            low = _LOW_COUNT if limit.quota is None else limit.quota * _LOW_SHARE
            if limit.remaining < 1:
                self.hold(limit.reset_s)
            elif limit.remaining <= low:
                with self._lock:
                    self._spread_s = limit.reset_s / limit.remaining
                    self._spread_until = self._clock() + limit.reset_s

    def _reserve(self, now: float) -> float:
        """The moment of the next request; it counts even if it then waits on, which errs on the safe side."""
        interval = max(self._interval_s, self._spread_s if now < self._spread_until else 0.0)
        start = max(now, self._not_before, self._last_start + interval)
        if self._window_s and len(self._starts) == self._starts.maxlen:
            start = max(start, self._starts[0] + self._window_s)
        self._starts.append(start)
        self._last_start = start
        return start


def limits(announced: str, policy: str = "") -> Iterator[Limit]:
    """The limits in a `Ratelimit` value, with quotas from `Ratelimit-Policy`; unreadable ones left out."""
    quotas = {name: values.get("q") for name, values in _items(policy)}
    for name, values in _items(announced):
        if "r" in values:
            yield Limit(values["r"], values.get("t", 0.0), quotas.get(name))


def _items(text: str) -> Iterator[tuple[str, dict[str, float]]]:
    name, values = "", dict[str, float]()
    for match in _ITEM.finditer(text):
        if match["next"]:
            yield name, values
            name, values = "", {}
        elif match["key"]:
            values[match["key"].lower()] = float(match["value"])
        else:
            name = match["quoted"]
    yield name, values


def asked_wait_s(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Seconds that `retry-after` asks for, as a number or an HTTP date; None when it says nothing readable.

    A date is compared with the answer's own `date`, so a wrong local clock does no harm; else with `now`.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text, flags=re.ASCII):
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    since = http_date(headers.get("date", "")) or now()
    return max(0.0, (until - since).total_seconds())


def http_date(text: str) -> datetime | None:
    """An HTTP date in UTC, or None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
