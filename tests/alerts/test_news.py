"""Who is told what when: a year of hourly checks, and every order of findings, failures and crashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing_pipeline.alerts import news
from ai_gateway_billing_pipeline.alerts.news import Kind, News, Told
from ai_gateway_billing_pipeline.database.checks import Finding
from support.constants import ACCOUNT, DAY, HOUR, NOW

WEEK = 7 * DAY
SECOND = timedelta(seconds=1)
ALARMS = (Kind.NEW, Kind.WORSE, Kind.STILL)

Outcome = Literal["taken", "refused", "dies before", "dies after"]


def found(name: str = "credit", *steps: str, accepted: bool = False) -> Finding:
    return Finding(name, "low_credit", "error", ACCOUNT, "It runs out.", accepted, ("warning", "error", *steps))


@dataclass
class Listener:
    """One address and what is remembered of it. `heard`: when it got what."""

    told: dict[str, Told] = field(default_factory=dict)
    known: dict[str, Finding] = field(default_factory=dict)
    heard: list[tuple[datetime, News]] = field(default_factory=list)

    def check(self, now: datetime, *findings: Finding, outcome: Outcome = "taken") -> list[News]:
        """One check, which may die before or after its message is taken. Returns what it wanted to tell."""
        self.known.update({each.id: each for each in findings})
        gone = [each for name, each in self.known.items() if name not in {there.id for there in findings}]
        items = list(news.news(findings, gone, self.told, now, WEEK))
        before = {item.finding.id: self.told.get(item.finding.id, Told()) for item in items}
        self._remember(items, before, news.claimed, now)
        if outcome in ("taken", "dies after"):
            self.heard += [(now, item) for item in items]
        if not outcome.startswith("dies"):
            self._remember(items, before, news.after if outcome == "taken" else news.released, now)
        return items

    def _remember(
        self,
        items: Iterable[News],
        before: dict[str, Told],
        make: Callable[[News, Told, datetime], Told],
        now: datetime,
    ) -> None:
        for item in items:
            self.told[item.finding.id] = make(item, before[item.finding.id], now)

    def kinds(self, name: str = "credit") -> list[Kind]:
        return [item.kind for _, item in self.heard if item.finding.id == name]


def test_a_finding_is_told_once_and_once_more_when_it_is_gone() -> None:
    listener = Listener()

    for hour in range(6):
        listener.check(NOW + hour * HOUR, *([found()] if hour < 3 else []))

    assert listener.kinds() == [Kind.NEW, Kind.OVER]


def test_what_comes_back_is_told_from_just_a_day_after_its_last_alarm_on() -> None:
    listener = Listener()
    listener.check(NOW, found())
    listener.check(NOW + HOUR)

    assert listener.check(NOW + DAY - SECOND, found()) == []
    assert [item.kind for item in listener.check(NOW + DAY, found())] == [Kind.NEW]


def test_a_claim_is_left_alone_for_just_a_quarter_of_an_hour() -> None:
    listener = Listener()
    listener.check(NOW, found(), outcome="dies before")

    assert listener.check(NOW + HOUR / 4 - SECOND, found()) == []
    assert [item.kind for item in listener.check(NOW + HOUR / 4, found())] == [Kind.NEW]


def test_each_step_is_told_once_also_when_it_is_left_and_reached_again() -> None:
    listener = Listener()

    for hour, steps in enumerate([["80"], ["80", "100"], ["80"], ["80", "100"], []]):
        listener.check(NOW + hour * HOUR, found("budget", *steps))

    assert listener.kinds("budget") == [Kind.NEW, Kind.WORSE]


def test_what_lasts_is_told_again_after_the_time_to_remind() -> None:
    listener = Listener()

    for hour in range(15 * 24):
        listener.check(NOW + hour * HOUR, found())

    assert [(when - NOW, item.kind) for when, item in listener.heard] == [
        (0 * DAY, Kind.NEW), (7 * DAY, Kind.STILL), (14 * DAY, Kind.STILL),
    ]  # fmt: skip


def test_what_was_accepted_is_told_only_when_it_gets_worse() -> None:
    listener = Listener()
    listener.check(NOW, found())

    listener.check(NOW + 30 * DAY, found(accepted=True))
    listener.check(NOW + 31 * DAY, found("credit", "1 day"))

    assert listener.kinds() == [Kind.NEW, Kind.WORSE]


def test_what_comes_and_goes_every_hour_is_told_once_a_day() -> None:
    listener = Listener()

    for hour in range(4 * 24):
        listener.check(NOW + hour * HOUR, *([found()] if hour % 2 == 0 else []))

    assert Counter(listener.kinds()) == {Kind.NEW: 4, Kind.OVER: 4}


def test_what_comes_back_worse_is_told_at_once() -> None:
    listener = Listener()
    listener.check(NOW, found())
    listener.check(NOW + HOUR)

    listener.check(NOW + 2 * HOUR, found("credit", "1 day"))

    assert listener.kinds() == [Kind.NEW, Kind.OVER, Kind.NEW]


def test_what_nobody_took_is_told_the_next_time() -> None:
    listener = Listener()

    listener.check(NOW, found(), outcome="refused")
    listener.check(NOW + HOUR, found())
    listener.check(NOW + 2 * HOUR, found())

    assert listener.kinds() == [Kind.NEW]


def test_a_crash_repeats_a_message_once_at_most() -> None:
    listener = Listener()

    for hour in range(24):
        listener.check(NOW + hour * HOUR, found(), outcome="dies after")

    assert listener.kinds() == [Kind.NEW, Kind.NEW]


def test_a_crash_loses_no_message() -> None:
    listener = Listener()

    listener.check(NOW, found(), outcome="dies before")
    listener.check(NOW + HOUR, found())

    assert listener.kinds() == [Kind.NEW]


def test_what_another_process_is_just_telling_is_left_to_it() -> None:
    listener = Listener()
    listener.check(NOW, found(), outcome="dies before")

    assert listener.check(NOW + timedelta(minutes=5), found()) == []


def test_what_may_have_been_told_is_told_to_be_over() -> None:
    listener = Listener()
    listener.check(NOW, found(), outcome="dies after")

    listener.check(NOW + HOUR)
    listener.check(NOW + 2 * HOUR)

    assert listener.kinds() == [Kind.NEW, Kind.OVER]


def test_a_year_of_hourly_checks_tells_each_alert_the_right_number_of_times() -> None:
    """A budget that each month crosses two thresholds, a credit that lasts a week less each quarter, a note."""
    listener, begin = Listener(), datetime(2026, 1, 1, tzinfo=NOW.tzinfo)

    for hour in range(365 * 24):
        now = begin + hour * HOUR
        there = [found(f"budget {now:%Y-%m}", *["50"][: now.day > 14], *["80"][: now.day > 21])] if now.day > 14 else []
        if now.month % 3 == 0 and now.day <= 10:
            there.append(found("credit", *["1 day"][: now.day > 9]))
        if now < begin + 14 * DAY:
            there.append(found("note"))
        listener.check(now, *there)

    budgets = Counter(item.kind for _, item in listener.heard if item.finding.id.startswith("budget"))
    stills = 12 * 1 - 1  # the week after the second threshold ends before the month does, in all but February
    assert budgets[Kind.NEW] == budgets[Kind.WORSE] == 12
    assert budgets[Kind.OVER] == 11, "December's ends with the year"
    assert budgets[Kind.STILL] == stills
    assert Counter(listener.kinds("credit")) == {Kind.NEW: 4, Kind.STILL: 4, Kind.WORSE: 4, Kind.OVER: 4}
    assert listener.kinds("note") == [Kind.NEW, Kind.STILL, Kind.OVER]


# --- every order -----------------------------------------------------------------------------------------------------

STEPS = st.lists(st.sampled_from(["50", "80", "100"]), unique=True)
HOURS = st.lists(
    st.tuples(
        st.integers(1, 30),  # hours since the last check
        st.one_of(st.none(), STEPS),  # what is found, if anything
        st.booleans(),  # whether somebody accepted it
        st.sampled_from(["taken", "taken", "refused", "dies before", "dies after"]),
    ),
    max_size=40,
)


@given(HOURS)
@settings(max_examples=400)
def test_whatever_happens_nothing_is_told_too_often_and_nothing_is_lost(hours: list[tuple]) -> None:  # type: ignore[type-arg]
    listener, now = Listener(), NOW
    for gap, steps, accepted, outcome in hours:
        now += gap * HOUR
        listener.check(now, *([] if steps is None else [found("budget", *steps, accepted=accepted)]), outcome=outcome)
    crashes = sum(outcome.startswith("dies") for *_, outcome in hours)

    assert too_often(listener.heard) <= crashes
    assert_present_is_heard(listener, now)
    assert_gone_is_heard(listener, now + 9 * DAY)


def too_often(heard: list[tuple[datetime, News]]) -> int:
    """How often it was told within a day what had been told, or that it is over when that was told."""
    repeats, steps, last, is_over = 0, set[str](), None, True
    for when, item in heard:
        if item.kind is Kind.OVER:
            repeats += is_over
        elif last and steps.issuperset(item.finding.reached) and when - last < news.QUIET:
            repeats += 1
        if item.kind is not Kind.OVER:
            steps, last = steps | set(item.finding.reached), when
        is_over = item.kind is Kind.OVER
    return repeats


def assert_present_is_heard(listener: Listener, now: datetime) -> None:
    """Some undisturbed days with a finding: all its steps were told, at the latest when it is told again."""
    for hour in range(1, 8 * 24 + 2):
        listener.check(now + hour * HOUR, found("budget", "50", "80", "100"))
    told = listener.told["budget"]
    assert told.steps >= {"50", "80", "100"}
    assert not told.is_over
    assert [item for _, item in listener.heard if item.kind in ALARMS]


def assert_gone_is_heard(listener: Listener, now: datetime) -> None:
    """Then it goes: that is told once, and then nothing any more."""
    before = len(listener.heard)
    for hour in range(48):
        listener.check(now + hour * HOUR)
    assert [item.kind for _, item in listener.heard[before:]] == [Kind.OVER]
