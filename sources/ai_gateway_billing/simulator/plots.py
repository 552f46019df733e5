"""Accounts that somebody should be told of, or should not: what happens to one that was brand-new, up to `now`.

Every day costs 10 dollars, at weekends 2, each at noon UTC. Money is in cents.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .account import Account

WEEKDAY, WEEKEND = 1000, 200
_DAY = timedelta(days=1)
_TOPUP = {"amount": 5000, "threshold": 1000, "disabledReason": None, "error": None, "lastFailedAt": 0}


def usual(account: Account, now: datetime, days: int = 70, percent_a_day: int = 0) -> None:
    """Nothing to tell of: that many days before today, each so many per cent above the one before."""
    first = _midnight(now) - days * _DAY
    for number in range(days):
        day = first + number * _DAY
        cents = WEEKEND if day.weekday() >= 5 else WEEKDAY
        spent = cents * (100 + percent_a_day) ** number // 100**number
        account.set_hour(_noon(day), spent)
    account.set_balance(100_000, has_default_payment_method=True)


def slow_growth(account: Account, now: datetime) -> None:
    """One per cent more every day, which doubles it in ten weeks and is no spike."""
    usual(account, now, percent_a_day=1)


def spike(account: Account, now: datetime, day: datetime, times: int = 4) -> None:
    """One day costs many times as much as it would have."""
    usual(account, now)
    account.set_hour(_noon(day), (WEEKEND if day.weekday() >= 5 else WEEKDAY) * times)


def weekday_spike(account: Account, now: datetime) -> datetime:
    """The newest Wednesday that is over costs 40 dollars; returns that day."""
    day = _newest(now, weekday=2)
    spike(account, now, day)
    return day


def weekend_spike(account: Account, now: datetime) -> datetime:
    """The newest Saturday that is over costs 8 dollars, which is less than any weekday; returns that day."""
    day = _newest(now, weekday=5)
    spike(account, now, day)
    return day


def credit_runs_out(account: Account, now: datetime) -> None:
    """The credit lasts for about two days, and there is no automatic top-up."""
    usual(account, now)
    account.set_balance(1500, has_default_payment_method=True)


def topup_fails(account: Account, now: datetime, reason: str = "Your card was declined.") -> None:
    """An automatic top-up is set up and due, and its last try failed an hour ago."""
    usual(account, now)
    account.set_balance(900, has_default_payment_method=True)
    failed_at = int((now - timedelta(hours=1)).timestamp() * 1000)
    account.set_topup_config(_TOPUP | {"error": reason, "lastFailedAt": failed_at})


def topup_disabled(account: Account, now: datetime, reason: str = "too_many_failures") -> None:
    """Cloudflare has switched an automatic top-up off."""
    usual(account, now)
    account.set_balance(900, has_default_payment_method=True)
    account.set_topup_config(_TOPUP | {"disabledReason": reason})


def late_event(account: Account, now: datetime, cents: int = 500) -> datetime:
    """More usage of yesterday arrives, after it was reported; returns that day."""
    day = _midnight(now) - _DAY
    account.set_hour(_noon(day) + timedelta(hours=1), cents)
    return day


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _noon(day: datetime) -> datetime:
    return _midnight(day) + timedelta(hours=12)


def _newest(now: datetime, weekday: int) -> datetime:
    """The last such weekday before today; Monday is 0."""
    yesterday = _midnight(now) - _DAY
    return yesterday - ((yesterday.weekday() - weekday) % 7) * _DAY
