"""How much a pretend account uses: tokens per model and UTC hour, a pure function of seed, hour and now.

All arithmetic is on integers (tokens, billionths of a cent), so the same past comes out on every machine,
however much later one asks. Times are Unix seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import NamedTuple

HOUR = 3600
DAY = 24 * HOUR
LATE_HORIZON = 4 * DAY
"""An hour that closed longer ago than this does not grow any more."""


class Model(NamedTuple):
    """One model: its tokens in an average hour of the first month, its price, and when it was in use.

    `price` is in billionths of a cent per token; `first` and `last` are days since the account's first day.
    """

    name: str
    tokens: int
    price: int
    first: int
    last: int
    prepaid: bool = False


FOREVER = 1_000_000
MODELS = (
    Model("openai/gpt-5", 42_000, 212_500, 0, 290),
    Model("openai/gpt-5.5", 52_000, 312_500, 260, FOREVER),
    Model("anthropic/claude-sonnet-4.5", 9_000, 487_503, 60, FOREVER),
    Model("google/gemini-2.5-flash", 31_000, 61_875, 0, FOREVER),
    Model("@cf/meta/llama-3.3-70b-instruct-fp8-fast", 8_000, 58_611, 371, FOREVER),
    Model("@cf/openai/gpt-oss-120b", 12_000, 54_999, 371, FOREVER, prepaid=True),
)

_NIGHT = 300
_SHAPE = (
    *(190, 160, 130, 120, 140, 220, 420, 800, 1300, 1650, 1780, 1820),
    *(1740, 1900, 2040, 2010, 1860, 1600, 1250, 980, 760, 560, 380, 260),
)  # UTC hours, per mille
_WEEK = (112, 120, 122, 118, 104, 42, 34)  # Monday to Sunday, per cent
_SPIKE_DAY = 194
_SPIKE_HOURS = range(13, 19)
_SPIKE_FACTOR = 9  # a client in a retry loop for an afternoon
_HOLIDAYS = ((12, 25), (1, 1))
_LATE_STEPS = 4


class _Late(NamedTuple):
    """The share (per mille) of an hour that is reported late, and the ages in hours when quarters arrive."""

    share: int
    ages: tuple[int, ...]


class Usage:
    """Hour by hour usage since `start` (Unix seconds, a UTC midnight). `scale` is its size per mille."""

    def __init__(self, seed: str, start: int, scale: int = 1000) -> None:
        self.start = start
        self._seed = seed
        self._scale = scale
        self._final: dict[int, tuple[int, ...]] = {}
        self._late: dict[int, _Late] = {}
        self._settled_days: dict[int, tuple[int, ...]] = {}
        self._spent: list[int] = [0]

    def final(self, hour: int) -> tuple[int, ...]:
        """Tokens by model of an hour once everything has arrived. All zero: a silent hour."""
        if hour not in self._final:
            self._final[hour] = self._roll(hour)
        return self._final[hour]

    def tokens(self, hour: int, now: int) -> tuple[int, ...]:
        """Tokens by model as known at `now`: a running hour grows by the minute, a late one by the hour."""
        final = self.final(hour)
        if now >= hour + HOUR + LATE_HORIZON:
            return final
        late = self._late.get(hour)
        if late:
            age = (now - hour - HOUR) // HOUR
            pending = sum(step > age for step in late.ages)
            final = tuple(count - count * late.share * pending // (1000 * _LATE_STEPS) for count in final)
        minutes = (now - hour) // 60
        if minutes >= 60:
            return final
        return tuple(count * max(minutes, 0) // 60 for count in final)

    def day_tokens(self, day: int, now: int) -> tuple[int, ...]:
        """Tokens by model of a UTC day as known at `now`."""
        if day in self._settled_days and self._is_settled(day, now):
            return self._settled_days[day]
        hours = [self.tokens(hour, now) for hour in range(day, day + DAY, HOUR)]
        sums = tuple(map(sum, zip(*hours, strict=True)))
        if self._is_settled(day, now):
            self._settled_days[day] = sums
        return sums

    def spent(self, now: int) -> int:
        """Everything used until `now`, as known at `now`, in billionths of a cent."""
        settled = max(0, (now - LATE_HORIZON - self.start) // DAY)
        while len(self._spent) <= settled:
            day = self.start + (len(self._spent) - 1) * DAY
            self._spent.append(self._spent[-1] + cost(self.day_tokens(day, day + DAY + LATE_HORIZON)))
        rest = range(self.start + settled * DAY, now, DAY)
        return self._spent[settled] + sum(cost(self.day_tokens(day, now)) for day in rest)

    def _is_settled(self, day: int, now: int) -> bool:
        return now >= day + DAY + LATE_HORIZON

    def _roll(self, hour: int) -> tuple[int, ...]:
        """Throw the dice of one hour. They depend on the seed and the hour alone."""
        dice = blake2b(f"{self._seed}:{hour}".encode(), digest_size=32).digest()
        day = (hour - self.start) // DAY
        moment = datetime.fromtimestamp(hour, UTC)
        if hour < self.start or self._is_silent(dice, moment):
            return (0,) * len(MODELS)
        self._roll_late(hour, dice)
        level = self._level(moment, day)
        return tuple(
            model.tokens * level * (60 + dice[8 + 2 * place] * 81 // 256) // 10**11
            if model.first <= day <= model.last
            else 0
            for place, model in enumerate(MODELS)
        )

    def _level(self, moment: datetime, day: int) -> int:
        """Hour, weekday, size, growth and the day's mood, multiplied: two in per mille, three in per cent."""
        mood = blake2b(f"{self._seed}/{day}".encode(), digest_size=1).digest()[0]
        growth = 100 + min(day, 1100) * 3 // 10
        spike = _SPIKE_FACTOR if day == _SPIKE_DAY and moment.hour in _SPIKE_HOURS else 1
        level = _SHAPE[moment.hour] * _WEEK[moment.weekday()] * self._scale // 1000
        return level * growth * (85 + mood * 31 // 256) * spike

    def _is_silent(self, dice: bytes, moment: datetime) -> bool:
        if (moment.month, moment.day) in _HOLIDAYS:
            return True
        at_night = _SHAPE[moment.hour] <= _NIGHT
        chance = (140 if moment.weekday() >= 5 else 75) if at_night else 1
        return dice[0] < chance

    def _roll_late(self, hour: int, dice: bytes) -> None:
        if dice[1] >= 20:
            return
        share = 1000 if dice[2] < 24 else 10 + dice[2] * 140 // 256
        first, last = 1 + dice[3] % 6, 7 + dice[4] % 88
        steps = range(_LATE_STEPS)
        self._late[hour] = _Late(share, tuple(first + (last - first) * step // 3 for step in steps))


def cost(tokens: tuple[int, ...]) -> int:
    """What tokens by model cost, in billionths of a cent."""
    return sum(count * model.price for count, model in zip(tokens, MODELS, strict=True))
