"""When the next request of one token may go out: our own budget, and what the API says about its limits.

Cloudflare allows a token 1,200 requests in five minutes, shared by everything that uses it, and blocks it for
five minutes beyond. An IP address may send 200 in a second. Cloudflare announces limits in `Ratelimit`
(`"default";r=50;t=30`: 50 left, reset in 30 s) and `Ratelimit-Policy` (`"default";q=1200;w=300`), and asks for
silence with `retry-after`.
https://developers.cloudflare.com/fundamentals/api/reference/limits/
"""

import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

_ITEM: Final = re.compile(
    r'"(?P<quoted>[^"]*)"|(?P<key>[A-Za-z]+)\s*=\s*(?P<value>\d+(?:\.\d+)?)|(?P<next>,)', re.ASCII
)
_NUMBER: Final = re.compile(r'\s*"?(\d+(?:\.\d*)?(?:[eE]\+?\d+)?)\s*(?:s|sec|seconds)?"?\s*(?:;.*)?', re.ASCII)
_DATE: Final = re.compile(
    r"[A-Za-z]+, \d{1,2}[ -][A-Za-z]+[ -]\d{2,4} [\d:]+(?: (?:[A-Z]{1,5}|[+-]\d{4})\b)?", re.ASCII
)
_MARGIN: Final = 0.95  # of the budget: other requests of the same token, and time on the wire
_LOW_SHARE: Final = 0.1  # of a known quota: below, the rest is spread over the time to the reset
_LOW_COUNT: Final = 20  # the same when the quota is not announced
_AGES_S: Final = 1e9  # longer waits than this are the same: too long
_FORGOTTEN_S: Final = 300.0  # after so long without a wait the time for waiting counts anew
_TOLD_S: Final = 5.0  # shorter waits are not worth a line

logger = logging.getLogger(__name__)


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


class _Window:
    """So many requests in any such time, wherever it begins."""

    def __init__(self, requests: int, seconds: float) -> None:
        self.starts: deque[float] = deque(maxlen=max(1, int(requests * _MARGIN)))
        self._seconds = seconds

    def free_from(self) -> float:
        return self.starts[0] + self._seconds if len(self.starts) == self.starts.maxlen else float("-inf")


class Pace:
    """Tells every thread of a client when its next request may go out. Thread-safe; sleeps outside its lock.

    `budget` and `burst`: requests and seconds of a long and a short sliding window that we keep to by ourselves;
    None for none. What the API asks for is obeyed in any case, as long as all threads together wait no longer than
    they are allowed to.
    `sleep` is trusted: it is asked once for a wait, not in a loop until `clock` agrees.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        budget: tuple[int, float] | None = (1200, 300.0),
        burst: tuple[int, float] | None = None,
        max_per_second: float | None = None,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._windows = [_Window(*granted) for granted in (budget, burst) if granted]
        self._interval_s = 1 / max_per_second if max_per_second else 0.0
        self._spread_s = 0.0
        self._spread_until = 0.0
        self._last_start = float("-inf")
        self._not_before = float("-inf")
        self._waited_s = 0.0  # because the API asked for it, by whichever threads
        self._waited_until = float("-inf")
        self._told_until = float("-inf")

    def wait(self, limit_s: float) -> None:
        """Sleep until a request may go out.

        Raises `HoldTooLongError`, without sleeping, where the API asks for a wait that would bring those of all
        threads beyond `limit_s`.
        """
        gate = None
        while gate != self._not_before:  # closed again, by another thread's answer, while this one slept
            with self._lock:
                now = self._clock()
                gate = self._not_before
                self._allow(now, limit_s)
                start = self._reserve(now, limit_s)
                self._tell(now, start)
            if start > now:
                self._sleep(start - now)

    def hold(self, seconds: float) -> None:
        """Let no request of any thread out for so many seconds from now. A longer hold stays."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + min(seconds, _AGES_S))

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

    def _allow(self, now: float, limit_s: float) -> None:
        """Count the wait that the closed gate means, or refuse it."""
        if now - self._waited_until > _FORGOTTEN_S:
            self._waited_s = 0.0
        if self._not_before <= now:
            return
        if self._waited_s + self._longer(now, self._not_before) > limit_s:
            raise HoldTooLongError(self._not_before - now)
        self._count(now, self._not_before)

    def _longer(self, now: float, until: float) -> float:
        """How much a wait until then adds to those that are counted."""
        return max(0.0, until - max(now, self._waited_until))

    def _count(self, now: float, until: float) -> None:
        self._waited_s += self._longer(now, until)
        self._waited_until = max(self._waited_until, until)

    def _reserve(self, now: float, limit_s: float) -> float:
        """The moment of the next request; it counts even if it then waits on, which errs on the safe side."""
        free = [window.free_from() for window in self._windows]
        start = max(now, self._not_before, self._last_start + self._interval_s, *free)
        spread = self._last_start + self._spread_s if now < self._spread_until else now
        if spread > start and self._waited_s + self._longer(now, spread) <= limit_s:  # else the API has to say so
            start = spread
            self._count(now, start)
        for window in self._windows:
            window.starts.append(start)
        self._last_start = start
        return start

    def _tell(self, now: float, start: float) -> None:
        """One line for each wait that somebody may wonder about, and not one for each thread."""
        if start - now >= _TOLD_S and now >= self._told_until:
            why = "Cloudflare limits this token" if self._waited_until >= start else "as many as this token may send"
            logger.warning("No request for %.0f s: %s.", start - now, why)
            self._told_until = start


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
            values[match["key"].lower()] = min(float(match["value"]), _AGES_S)
        else:
            name = match["quoted"]
    yield name, values


def asked_wait_s(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Seconds that `retry-after` asks for, as a number or an HTTP date; None when it says nothing readable.

    The longest of several counts. A date is compared with the answer's own `date`, so a wrong local clock does no
    harm; else with `now`.
    """
    text = headers.get("retry-after", "")
    numbers = [_NUMBER.fullmatch(part) for part in _DATE.sub("", text).split(",")]
    waits = [float(number[1]) for number in numbers if number]
    moments = [moment for moment in map(http_date, _DATE.findall(text) or [text]) if moment]
    since = http_date(headers.get("date", "")) or now()
    waits += [(moment - since).total_seconds() for moment in moments]
    return min(max(0.0, *waits), _AGES_S) if waits else None


def http_date(text: str) -> datetime | None:
    """An HTTP date in UTC, or None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
